"""Turns an audio file into windows as a program written with librosa does it."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57, FeatureSpec


def load_windows(path: Path, *, spec: FeatureSpec = GTZAN57) -> NDArray[np.float32]:
    """Decode a whole file by `librosa.load` and cut it into consecutive windows, the rest dropped.

    Parameters
    ----------
    path : Path
        What libsndfile reads.
    spec : FeatureSpec
        Gives rate and length of a window.

    Returns
    -------
    numpy.ndarray, shape [n, window_samples], float32
        Mono at ``spec.sample_rate``, full scale 1.0; n is 0 for a file that is shorter than a window.
    """
    samples, _ = librosa.load(path, sr=spec.sample_rate, mono=True)
    n_windows = len(samples) // spec.window_samples
    whole = np.asarray(samples[: n_windows * spec.window_samples], dtype=np.float32)
    return whole.reshape(n_windows, spec.window_samples)
