"""Runs the stages of the CPU back end's first half one by one, for their tests."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.cpu import columns, hpss, overlap_add, stft
from featurizer.cpu.layout import HOP, N_GROUPS, ROWS_PER_GROUP, TILE
from featurizer.cpu.window import WindowScratch, WindowTables, window_scratch, window_tables
from featurizer.spec import GTZAN57, FeatureSpec
from tests.featurizer.cpu_windows import WIDTH, WINDOWS

FloatType = type[np.floating[Any]]
_QUICK = ("music 0", "silence", "denormal samples", "tone at 440 Hz", "click")
NAMES = [pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow) for name in WINDOWS]
"""The windows that stages are held to their oracles on; five of them in the quick tests."""


@lru_cache
def _tables(spec: FeatureSpec, *, dtype_name: str, lanes: int) -> WindowTables:
    return window_tables(spec, vector_width=lanes, dtype=np.dtype(dtype_name).type)


class Stages:
    """The stages of one window, with their own scratch memory."""

    def __init__(
        self, *, spec: FeatureSpec = GTZAN57, dtype: FloatType = np.float64, lanes: int = len(WIDTH)
    ) -> None:
        self.tables = _tables(spec, dtype_name=np.dtype(dtype).name, lanes=lanes)
        self.scratch: WindowScratch = window_scratch(spec, vector_width=lanes, dtype=dtype)
        self.layout = self.tables.layout
        self.unscale = 1.0

    def load(self, window: NDArray[np.float32]) -> None:
        """Write a window into columns."""
        s, t = self.scratch, self.tables
        self.unscale = columns.set_scale(window, self.layout, t.width, s.stft)
        columns.samples_to_columns(window, s.samples, self.layout, t.width, s.stft)

    def forward(self, block: int) -> NDArray[np.complex64]:
        """Transform a block; its spectrum [n_bins, 16], scaled."""
        s, t = self.scratch, self.tables
        stft.forward(s.samples, block, self.layout, t.forward, s.stft, s.magnitude)
        halves = s.stft.spectrum.reshape(2, self.layout.n_bins, 2, TILE)[block % 2]
        spectrum: NDArray[np.complex64] = halves[:, 0] + np.complex64(1j) * halves[:, 1]
        return spectrum

    def mask(self, block: int) -> NDArray[np.float32]:
        """Compute the mask of a block, shape [n_bins, 16]; it and its neighbours are transformed."""
        s, t = self.scratch, self.tables
        scale, silent = s.stft.scale, s.stft.silent_mask
        hpss.harmonic_mask(s.padded, block, self.layout, t.width, scale, silent, s.hpss, s.mask)
        return s.mask[: self.layout.n_bins].copy()

    def start(self) -> None:
        """Clear all sums."""
        stft.clear_added(self.scratch.parts.added, self.tables.width)
        self.scratch.parts.sums[:] = 0

    def inverse(self, block: int) -> NDArray[np.float32]:
        """Transform a block back; its complete lanes, shape [512, 16], scaled and without gain."""
        s, t = self.scratch, self.tables
        stft.inverse(s.mask, block, self.layout, t.inverse, s.stft, s.parts.added)
        rows = s.parts.added.reshape(N_GROUPS, -1)[:, : 2 * TILE * ROWS_PER_GROUP].reshape(HOP, 2, TILE)
        return rows[:, block % 2].copy()

    def add(self, block: int) -> None:
        """Add a block's samples to the sums."""
        s, t = self.scratch, self.tables
        overlap_add.add_block(s.samples, block, self.layout, t.parts, s.parts)

    def statistics(self) -> NDArray[np.float64]:
        """Mean and variance of the harmonic, then of the percussive samples."""
        features = np.zeros(4)
        overlap_add.write_statistics(self.unscale, self.layout, self.scratch.parts, features, 0)
        return features
