"""Gives tests the librosa oracle, imported when a test first asks: it takes seconds to import and compile.

`python -m tests.featurizer.oracle` compiles what librosa compiles, before several processes do so at once.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import level
from featurizer.spec import GTZAN57
from tests.featurizer.signals import music


def librosa() -> ModuleType:
    """The librosa module."""
    import librosa as module  # noqa: PLC0415

    assert isinstance(module, ModuleType)
    return module


def oracle_features(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The oracle's features of windows [batch, window_samples]: `reference_features` to the bit, sooner."""
    from featurizer.reference import reference_features  # noqa: PLC0415

    _compile()
    with patch("librosa.decompose.median_filter", _median):
        rows = [reference_features(window, sample_rate=GTZAN57.sample_rate) for window in windows]
    return np.array(rows, dtype=np.float64).reshape(len(windows), GTZAN57.width)


def _median(values: NDArray[Any], *, size: Sequence[int], mode: str) -> NDArray[Any]:
    """Scipy's median along one axis by its filter of one dimension: 12 ms a window against 109 of its own.

    A median is one of its inputs, so nothing is rounded. Only for the way in which librosa's HPSS calls it.
    """
    from scipy.ndimage import median_filter  # noqa: PLC0415

    (axis,) = (axis for axis, length in enumerate(size) if length > 1)
    assert (mode, size[axis] % 2) == ("reflect", 1)
    half = size[axis] // 2
    rows = np.moveaxis(values, axis, -1)
    padded = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(half, half)], mode="symmetric")
    flat = median_filter(padded.ravel(), size=size[axis], mode="nearest")
    medians: NDArray[Any] = np.moveaxis(flat.reshape(padded.shape)[..., half:-half], -1, axis)
    return medians


@cache
def _compile() -> None:
    """Let numba compile and keep what plain and tuned calls need, one process at a time.

    Two processes that compile the same file's functions at once corrupt its cache, and crash.
    """
    from featurizer.reference import TunedLibrosa, reference_features  # noqa: PLC0415

    window = music(0)
    with Path(str(librosa().__file__)).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reference_features(window, sample_rate=GTZAN57.sample_rate)
        TunedLibrosa()(window)


if __name__ == "__main__":
    level()  # as in tests
    _compile()
