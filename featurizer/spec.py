"""Turns the numbers that define a feature set into one frozen, fingerprinted `FeatureSpec`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


def _mean_and_var(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}_{statistic}" for name in names for statistic in ("mean", "var"))


_GTZAN57_NAMES = (
    *_mean_and_var(
        (
            "chroma_stft",
            "rms",
            "spectral_centroid",
            "spectral_bandwidth",
            "rolloff",
            "zero_crossing_rate",
            "harmony",
            "perceptr",
        )
    ),
    "tempo",
    *_mean_and_var(tuple(f"mfcc{index}" for index in range(1, 21))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """Every number that changes a feature's value.

    Attributes
    ----------
    name : str
        Name of the feature set.
    feature_names : tuple of str
        One name a column, in the order of the columns.
    sample_rate : int
        Hz; all audio is resampled to it.
    window_samples : int
        Length of a window in samples at `sample_rate`.
    min_samples : int
        A track with fewer samples at `sample_rate` is too short to label.
    n_fft, hop_length : int
        STFT frame length and step, in samples.
    n_chroma, n_mels, n_mfcc : int
        Number of chroma bins, mel bands and cepstral coefficients.
    hpss_kernel : int
        Length of both HPSS medians: in frames along time, in bins along frequency.
    rolloff_percent : float
        Share of a frame's magnitude below the roll-off frequency, in [0, 1].
    top_db : float
        Dynamic range of the log-mel spectrogram below its window's maximum, in dB.
    tempo_prior_bpm : float
        Centre of the log-normal tempo prior, in beats a minute.
    revision : int
        Raised when code, not a number above, changes a feature's value.
    """

    name: str
    feature_names: tuple[str, ...]
    sample_rate: int
    window_samples: int
    min_samples: int
    n_fft: int
    hop_length: int
    n_chroma: int
    n_mels: int
    n_mfcc: int
    hpss_kernel: int
    rolloff_percent: float
    top_db: float
    tempo_prior_bpm: float
    revision: int

    @property
    def width(self) -> int:
        """Number of features in a vector."""
        return len(self.feature_names)

    @property
    def window_seconds(self) -> float:
        """Length of a window in seconds."""
        return self.window_samples / self.sample_rate

    @property
    def n_frames(self) -> int:
        """Number of centred STFT frames in a window."""
        return self.window_samples // self.hop_length + 1

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of every attribute: equal fingerprints mean interchangeable features."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


GTZAN57 = FeatureSpec(
    name="gtzan57",
    feature_names=_GTZAN57_NAMES,
    sample_rate=22_050,
    window_samples=66_150,
    min_samples=22_050,
    n_fft=2_048,
    hop_length=512,
    n_chroma=12,
    n_mels=128,
    n_mfcc=20,
    hpss_kernel=31,
    rolloff_percent=0.85,
    top_db=80.0,
    tempo_prior_bpm=120.0,
    revision=1,
)
"""The 57 features published with GTZAN, as librosa 0.11 computes them on 3-second windows."""
