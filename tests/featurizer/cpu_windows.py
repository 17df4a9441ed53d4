"""Gives tests spectra as the CPU back end lays them out, and as its oracle, the torch stages, does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.cpu.compiling import level
from featurizer.cpu.layout import layout_of
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.stft import Stft
from featurizer.parity import FEATURE_SD
from featurizer.spec import GTZAN57
from tests.featurizer.signals import EDGE_CASES, Samples, music

DEVICE = torch.device("cpu")
WIDTH = (0,) * (level().vector_bits // 32)
"""The width that the back end compiles kernels for on this machine: what it has compiled, tests need not."""

_STFT = Stft(GTZAN57, device=DEVICE)
_LAYOUT = layout_of(GTZAN57)
_MUSIC = ("music 0", "music 1", "music 2")
WINDOWS = (*_MUSIC, *EDGE_CASES)
"""Names of the windows that every stage is held to its oracle on."""


@lru_cache
def window(name: str) -> Samples:
    """The samples of a window by its name."""
    if name in EDGE_CASES:
        return EDGE_CASES[name]().astype(np.float32)
    return music(int(name.removeprefix("music ")))


@lru_cache
def oracle_magnitude(name: str) -> torch.Tensor:
    """A window's magnitudes as the torch stages take them, shape [1, n_frames, n_bins]."""
    return magnitude(_STFT.forward(torch.from_numpy(window(name)[None])))


def lanes_of(spectrum: torch.Tensor | NDArray[np.float32]) -> NDArray[np.float32]:
    """A spectrum [1, n_frames, n_rows] as [n_rows, lanes], zeros in the lanes that are no frame."""
    rows: NDArray[np.float32] = np.zeros((spectrum.shape[2], _LAYOUT.lanes), dtype=np.float32)
    rows[:, : _LAYOUT.n_frames] = np.asarray(spectrum)[0].T
    return rows


def distance_in_sd(features: NDArray[np.float64], *, column: int, oracle: torch.Tensor) -> float:
    """How far mean and variance at `column` are from the oracle's, in standard deviations of real music."""
    expected = oracle.numpy().ravel()
    columns = slice(column, column + len(expected))
    return float((np.abs(features[columns] - expected) / FEATURE_SD[columns]).max())
