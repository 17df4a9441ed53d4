"""Gives tests the librosa oracle, imported when a test first asks: it takes seconds to import and compile."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57


def librosa() -> ModuleType:
    """The librosa module."""
    import librosa as module  # noqa: PLC0415

    assert isinstance(module, ModuleType)
    return module


def oracle_features(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The oracle's features of windows [batch, window_samples]."""
    from featurizer.reference import reference_features  # noqa: PLC0415

    rows = [reference_features(window, sample_rate=GTZAN57.sample_rate) for window in windows]
    return np.array(rows, dtype=np.float64).reshape(len(windows), GTZAN57.width)
