"""Turns a window into columns: scaled samples, laid out so that neighbouring frames are one vector."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.fft import PEAK_VECTORS, raise_peaks
from featurizer.cpu.layout import HOP, N_FFT, ROWS_PER_GROUP, Layout
from featurizer.cpu.stft_tables import StftScratch
from featurizer.cpu.transpose import transpose_scaled_square
from featurizer.cpu.vector_ir import Width

_LARGEST_EXPONENT: Final = 100
"""Windows are scaled by at most this power of two, so that the inverse of the factor is a normal float."""


@kernel
def _peak(window: NDArray[np.float32], width: Width, peaks: NDArray[np.float32]) -> float:
    step = len(width)
    peaks[:] = 0
    n_whole = len(window) // (PEAK_VECTORS * step) * (PEAK_VECTORS * step)
    for start in range(0, n_whole, PEAK_VECTORS * step):
        raise_peaks(width, window, start, peaks)
    peak = np.float32(0)
    for sample in window[n_whole:]:
        peak = max(peak, abs(sample))
    for lane in range(step):
        peak = max(peak, peaks[lane])
    return float(peak)


@kernel
def set_scale(window: NDArray[np.float32], layout: Layout, width: Width, scratch: StftScratch) -> float:
    """Choose the power of two that brings the window's peak into [0.5, 1); return its inverse.

    Squares of magnitudes then neither overflow nor underflow, whatever the window's loudness; all roundings
    stay as they are.
    """
    _, exponent = math.frexp(_peak(window, width, scratch.peaks))
    exponent = max(min(exponent, _LARGEST_EXPONENT), -_LARGEST_EXPONENT)
    for frame in range(layout.n_frames):
        scratch.scale[frame] = math.ldexp(1.0, -exponent)
        scratch.unscale[frame] = math.ldexp(1.0, exponent)
        scratch.silent_mask[frame] = 0.5
    return math.ldexp(1.0, exponent)


@kernel
def samples_to_columns(
    window: NDArray[np.float32],
    columns: NDArray[np.float32],
    layout: Layout,
    width: Width,
    scratch: StftScratch,
) -> None:
    """Write a window, scaled, into zeroed columns, behind the zeros that pad it by half a frame.

    Parameters
    ----------
    window : numpy.ndarray, shape [window_samples], float32
    columns : numpy.ndarray, flat, float32
        As in `Layout`; only the same cells are ever written.
    """
    step = len(width)
    n_whole = layout.window_samples // HOP // step * step
    rest = layout.window_samples - n_whole * HOP
    scratch.tail[:rest] = window[n_whole * HOP :]
    factor = scratch.scale[0]
    tail, row_pitch = scratch.tail, layout.row_pitch
    for row in range(0, HOP, step):
        target = _row_start(row, layout) + N_FFT // 2 // HOP
        for segment in range(0, n_whole, step):
            transpose_scaled_square(
                width, window, segment * HOP + row, HOP, factor, columns, target + segment, row_pitch
            )
        if rest:
            transpose_scaled_square(width, tail, row, HOP, factor, columns, target + n_whole, row_pitch)


@kernel
def _row_start(row: int, layout: Layout) -> int:
    group = row // ROWS_PER_GROUP
    return group * layout.group_pitch + (row - ROWS_PER_GROUP * group) * layout.row_pitch
