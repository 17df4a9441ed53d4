"""Turns windows into the 57 features and 68 more: contrast, tonnetz, flatness and the cepstrum's changes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.errors import MissingExtraError
from featurizer.spec import GTZAN57, FeatureSpec
from training.featurizing.track import TrackFeatures, Work, featurize_track

N_CONTRAST: Final = 7
"""librosa's default: six octaves from 200 Hz and what lies below."""
N_TONNETZ: Final = 6
"""Harte, Sandler and Gasser 2006: fifths, minor and major thirds, two coordinates each."""

_ADDED: Final = (
    *(f"contrast{band}" for band in range(1, N_CONTRAST + 1)),
    *(f"tonnetz{axis}" for axis in range(1, N_TONNETZ + 1)),
    "flatness",
    *(f"mfcc_delta{index}" for index in range(1, GTZAN57.n_mfcc + 1)),
)
ADDED_NAMES: Final = tuple(f"{name}_{statistic}" for name in _ADDED for statistic in ("mean", "var"))
GTZAN57_PLUS: Final[FeatureSpec] = replace(
    GTZAN57, name="gtzan57+", feature_names=(*GTZAN57.feature_names, *ADDED_NAMES), revision=1
)
"""The 57 features of the same windows with 68 more behind them."""


def added_features(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute what `gtzan57+` has beyond `gtzan57`, with librosa 0.11 and its defaults.

    Parameters
    ----------
    window : ndarray, shape (window_samples,), float32
        Mono samples at the spec's rate, finite, usually in [-1, 1].

    Returns
    -------
    ndarray, shape (68,), float32
        Mean and variance over frames of spectral contrast (dB), tonnetz (in [-1, 1]; of the STFT's chroma,
        which the 57 features have already, where librosa's default is a constant-Q transform's), spectral
        flatness (in [0, 1]) and the first differences of the cepstrum (over nine frames), in the order of
        `ADDED_NAMES`.
    """
    import librosa  # noqa: PLC0415 - of the extra `bench`

    spec = GTZAN57
    magnitude = np.abs(librosa.stft(window, n_fft=spec.n_fft, hop_length=spec.hop_length))
    chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=spec.sample_rate)
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=spec.sample_rate, n_mels=spec.n_mels)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=spec.top_db), n_mfcc=spec.n_mfcc)
    rows = np.concatenate(
        [
            librosa.feature.spectral_contrast(S=magnitude, sr=spec.sample_rate),
            librosa.feature.tonnetz(chroma=chroma, sr=spec.sample_rate),
            librosa.feature.spectral_flatness(S=magnitude),
            librosa.feature.delta(mfcc),
        ]
    )
    return np.stack([rows.mean(axis=1), rows.var(axis=1)], axis=1).reshape(-1).astype(np.float32)


def featurize_richly(path: Path, *, basic: Work) -> TrackFeatures:
    """Decode a track and compute `gtzan57+` of its windows.

    Parameters
    ----------
    path : Path
        A file of audio.
    basic : Work
        Computes `gtzan57` of the same file.

    Raises
    ------
    AudioError
        As `featurize_track` says.
    OSError
        The file cannot be read.
    """
    from featurizer.track import TrackReader  # noqa: PLC0415 - with the featurizer

    found = basic(path)
    with TrackReader(path, spec=GTZAN57) as reader:
        added = [added_features(window) for windows in reader.windows() for window in windows]
    return TrackFeatures(np.hstack([found.features, np.stack(added)]), found.warnings)


def prepare_gtzan57_plus() -> Work:
    """Load what `gtzan57+` takes, for one core.

    Raises
    ------
    FeaturizerError
        librosa or what the featurizer needs is not installed.
    """
    try:
        import librosa  # noqa: F401, PLC0415 - of the extra `bench`
    except ModuleNotFoundError as exc:
        raise MissingExtraError("librosa is not installed: pip install 'genrestream[bench]'") from exc
    from featurizer import Featurizer  # noqa: PLC0415 - numba takes a second

    featurizer = Featurizer("cpu", GTZAN57)
    featurizer.warm_up()
    return partial(featurize_richly, basic=partial(featurize_track, featurizer=featurizer))
