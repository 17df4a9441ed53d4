"""Turns one window into features by plain librosa calls: the oracle that every back end must agree with.

This is the recipe behind the published GTZAN tables, run by librosa 0.11. It is slow (about 150 ms a
window) and is never used to label music.
"""

from __future__ import annotations

import warnings

import librosa
import numpy as np
from numpy.typing import NDArray

N_MFCC = 20


def reference_features(window: NDArray[np.float32], *, sample_rate: int = 22_050) -> NDArray[np.float64]:
    """Compute the `gtzan57` features of one window.

    Parameters
    ----------
    window : numpy.ndarray, shape [n_samples], float32 or float64, finite
        Mono samples. The feature set's windows are 66,150 long, but any length over 2,048 has features.
    sample_rate : int
        Hz.

    Returns
    -------
    numpy.ndarray, shape [57], float64
        In the order of `featurizer.spec.GTZAN57.feature_names`, computed in the precision of `window`.
    """
    with warnings.catch_warnings():
        # Silence has no pitch to tune to: librosa says so and takes 0.
        warnings.filterwarnings("ignore", message="Trying to estimate tuning from empty frequency set")
        harmonic, percussive = librosa.effects.hpss(window)
        series = (
            librosa.feature.chroma_stft(y=window, sr=sample_rate),
            librosa.feature.rms(y=window),
            librosa.feature.spectral_centroid(y=window, sr=sample_rate),
            librosa.feature.spectral_bandwidth(y=window, sr=sample_rate),
            librosa.feature.spectral_rolloff(y=window, sr=sample_rate),
            librosa.feature.zero_crossing_rate(window),
            harmonic,
            percussive,
        )
        tempo, _ = librosa.beat.beat_track(y=window, sr=sample_rate)
        mfcc = librosa.feature.mfcc(y=window, sr=sample_rate, n_mfcc=N_MFCC)
    features = [*_means_and_vars(*series), float(np.atleast_1d(tempo)[0]), *_means_and_vars(*mfcc)]
    return np.array(features, dtype=np.float64)


def _means_and_vars(*series: NDArray[np.floating]) -> list[float]:
    return [float(statistic(values)) for values in series for statistic in (np.mean, np.var)]
