"""Turns a feature set into the constants of its transforms, in numpy alone; both back ends use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec

FLOAT32_TINY: Final = 1.1754943508222875e-38
"""Smallest normal float32: librosa leaves what is below it un-normalised (``librosa.util.normalize``)."""
FLOAT64_TINY: Final = 2.2250738585072014e-308
"""The same of float64."""
ZERO_THRESHOLD: Final = 1e-10
"""Samples up to this magnitude count as zero, hence as positive (``librosa.zero_crossings``)."""
POWER_FLOOR: Final = 1e-10
"""Least power before the logarithm (``librosa.power_to_db``'s ``amin``): -100 dB."""

N_TUNINGS: Final = 100
"""Bins of the histogram over [-0.5, 0.5) semitones (``librosa.estimate_tuning``'s resolution of 0.01)."""
MIN_PITCH_HZ: Final = 150.0
MAX_PITCH_HZ: Final = 4000.0
"""Pitches are looked for in [150, 4000) Hz (``librosa.piptrack``'s ``fmin`` and ``fmax``)."""
PEAK_SHARE: Final = 0.1
"""A peak must exceed this share of its frame's maximum (``librosa.piptrack``'s ``threshold``)."""
A0_HZ: Final = 27.5
CENTRE_OCTAVE: Final = 5.0
OCTAVE_WIDTH: Final = 2.0
"""Octaves are weighted by a Gaussian of this centre (above A0) and width (``librosa.filters.chroma``)."""

AUTOCORRELATION_SECONDS: Final = 8.0
"""Longest lag of the tempogram (``librosa.feature.tempo``'s ``ac_size``)."""
MAX_BPM: Final = 320.0
"""Faster tempi are ruled out (``max_tempo``)."""
PRIOR_OCTAVES: Final = 1.0
"""Standard deviation of the log-normal prior (``std_bpm``)."""
EMPHASIS: Final = 1e6
"""Factor on the autocorrelation before ``log1p`` (``librosa.feature.tempo``)."""

_MEL_BREAK_HZ: Final = 1000.0
_MEL_STEP_HZ: Final = 200.0 / 3
_MEL_LOG_STEP: Final = np.log(6.4) / 27.0
"""Slaney's scale (Auditory Toolbox, 1998): 66.7 Hz a mel to 1 kHz, above it 27 mels for a factor of 6.4."""


def hann(n: int) -> NDArray[np.float64]:
    """Return the periodic Hann taper, shape [n], float64, in [0, 1].

    In double: a single-precision Hann window computed by torch is off by 2e-7.
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def bin_frequencies(spec: FeatureSpec) -> NDArray[np.float64]:
    """Return the centre of each STFT bin, shape [n_fft / 2 + 1], float64, Hz."""
    return np.arange(spec.n_fft // 2 + 1, dtype=np.float64) * (spec.sample_rate / spec.n_fft)


def overlap_gain(spec: FeatureSpec) -> NDArray[np.float32]:
    """Return what the inverse STFT multiplies each sample by, shape [window_samples], float32, above 0.

    One over the sum of the squared tapers that lie over the sample (``librosa.filters.window_sumsquare``).
    """
    taper = hann(spec.n_fft) ** 2
    total = np.zeros(spec.hop_length * (spec.n_frames - 1) + spec.n_fft)
    for frame in range(spec.n_frames):
        start = frame * spec.hop_length
        total[start : start + spec.n_fft] += taper
    half = spec.n_fft // 2
    return (1.0 / total[half : half + spec.window_samples]).astype(np.float32)


def mel_filters(spec: FeatureSpec) -> NDArray[np.float32]:
    """Build the triangular filters from power bins to mel bands, of Slaney's scale and unit area.

    Parameters
    ----------
    spec : FeatureSpec
        Gives ``sample_rate``, ``n_fft`` and ``n_mels``.

    Returns
    -------
    numpy.ndarray, shape [n_mels, n_fft / 2 + 1], float32, at least 0
        Equal to ``librosa.filters.mel`` (0.11) with its defaults, up to the last place.
    """
    top_mel = _MEL_BREAK_HZ / _MEL_STEP_HZ + np.log(spec.sample_rate / 2 / _MEL_BREAK_HZ) / _MEL_LOG_STEP
    corners = _mel_to_hz(np.linspace(0.0, top_mel, spec.n_mels + 2))
    width = np.diff(corners)
    ramps = corners[:, None] - bin_frequencies(spec)
    rising = -ramps[:-2] / width[:-1, None]
    falling = ramps[2:] / width[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    # librosa rounds the triangles to single before it scales them.
    area = 2.0 / (corners[2:] - corners[:-2])
    return (weights.astype(np.float32) * area[:, None]).astype(np.float32)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    break_mel = _MEL_BREAK_HZ / _MEL_STEP_HZ
    above = _MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * (mel - break_mel))
    return np.where(mel >= break_mel, above, _MEL_STEP_HZ * mel)


def cosine_table(spec: FeatureSpec) -> NDArray[np.float32]:
    """Return the orthonormal DCT-II from decibels to coefficients, shape [n_mfcc, n_mels], float32."""
    angle = np.pi / spec.n_mels * np.outer(np.arange(spec.n_mfcc), np.arange(spec.n_mels) + 0.5)
    table: NDArray[np.float64] = np.sqrt(2.0 / spec.n_mels) * np.cos(angle)
    table[0] /= np.sqrt(2.0)
    return table.astype(np.float32)


def tuning_edges() -> NDArray[np.float64]:
    """Return the lower edges of the tuning histogram and its end, shape [101], float64, semitones."""
    return np.linspace(-0.5, 0.5, N_TUNINGS + 1)


def pitch_bins(spec: FeatureSpec) -> tuple[int, int]:
    """Return the first bin in which pitches are looked for, and the one after the last."""
    frequency = bin_frequencies(spec)
    allowed = np.flatnonzero((frequency >= MIN_PITCH_HZ) & (frequency < MAX_PITCH_HZ))
    return int(allowed[0]), int(allowed[-1]) + 1


def chroma_filters(spec: FeatureSpec, *, tuning: float) -> NDArray[np.float32]:
    """Build the filters that project a power spectrum onto pitch classes, as ``librosa.filters.chroma`` does.

    Parameters
    ----------
    spec : FeatureSpec
        Gives ``sample_rate``, ``n_fft`` and ``n_chroma``.
    tuning : float
        Deviation from A = 440 Hz in semitones, in [-0.5, 0.5).

    Returns
    -------
    numpy.ndarray, shape [n_chroma, n_fft / 2 + 1], float32
        Pitch classes from C upwards.
    """
    n_chroma = spec.n_chroma
    # One bin more than the spectrum has, for the width of its last.
    hz = np.arange(1, spec.n_fft // 2 + 2) * (spec.sample_rate / spec.n_fft)
    semitone = n_chroma * np.log2(hz / (A0_HZ * 2.0 ** (tuning / n_chroma)))
    # 0 Hz has no logarithm: librosa puts it one and a half octaves below the first bin.
    semitone = np.concatenate(([semitone[0] - 1.5 * n_chroma], semitone))
    width = np.maximum(np.diff(semitone), 1.0)
    semitone = semitone[:-1]
    half = n_chroma // 2
    distance = np.remainder(semitone - np.arange(n_chroma)[:, None] + half, n_chroma) - half
    weight = np.exp(-0.5 * (2 * distance / width) ** 2)
    weight /= np.sqrt((weight**2).sum(0))
    weight *= np.exp(-0.5 * ((semitone / n_chroma - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    # Semitones count from A, pitch classes from C: three up.
    return np.roll(weight, -3 * (n_chroma // 12), axis=0).astype(np.float32)


def chroma_filter_banks(spec: FeatureSpec) -> NDArray[np.float32]:
    """Return the filters of every tuning in `tuning_edges`, shape [100, n_chroma, n_fft / 2 + 1], float32."""
    return np.stack([chroma_filters(spec, tuning=float(edge)) for edge in tuning_edges()[:N_TUNINGS]])


@dataclass(frozen=True, slots=True)
class TempoTables:
    """Constants of the tempo estimate (``librosa.feature.tempo`` 0.11).

    Attributes
    ----------
    n_lags : int
        Length of a tempogram frame and number of its lags, in STFT frames.
    delay : int
        Frames by which onsets are shifted: a centred frame sees an onset half its length early, the
        difference sees it one frame late.
    bpm : numpy.ndarray, shape [n_lags], float64, beats a minute
        Tempo of each lag; infinite at lag 0.
    log_prior : numpy.ndarray, shape [n_lags], float64
        Logarithm of the prior; minus infinity for tempi that are ruled out.
    taper : numpy.ndarray, shape [n_lags], float64, in [0, 1]
        Of a tempogram frame.
    fade : numpy.ndarray, shape [n_lags // 2], float64, in [0, 1)
        The envelope fades along it to zero after the last frame (and, reversed, before the first).
    """

    n_lags: int
    delay: int
    bpm: NDArray[np.float64]
    log_prior: NDArray[np.float64]
    taper: NDArray[np.float64]
    fade: NDArray[np.float64]


def tempo_tables(spec: FeatureSpec) -> TempoTables:
    """Build the constants of the tempo estimate from the frame rate and the prior's centre."""
    frames_per_second = spec.sample_rate / spec.hop_length
    n_lags = int(AUTOCORRELATION_SECONDS * frames_per_second)
    bpm = np.full(n_lags, np.inf)
    bpm[1:] = 60.0 * frames_per_second / np.arange(1, n_lags)
    distance = np.log2(bpm) - np.log2(spec.tempo_prior_bpm)
    log_prior = np.where(bpm < MAX_BPM, -0.5 * (distance / PRIOR_OCTAVES) ** 2, -np.inf)
    half = n_lags // 2
    return TempoTables(
        n_lags=n_lags,
        delay=1 + spec.n_fft // (2 * spec.hop_length),
        bpm=bpm,
        log_prior=log_prior,
        taper=hann(n_lags),
        fade=np.arange(half - 1, -1, -1, dtype=np.float64) / half,
    )
