"""Turns a window's samples into a spectrogram, and a masked spectrogram back into samples."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import fast_kernel, kernel
from featurizer.cpu.fft import (
    SIDE,
    join_masked,
    separate,
    taper_and_transform,
    transform,
    transform_back,
    transform_back_and_add,
)
from featurizer.cpu.layout import HOP, N_FFT, TILE, Layout, aligned_zeros
from featurizer.cpu.transpose import transpose_scaled_square
from featurizer.cpu.vector_ir import Width
from featurizer.spec import FeatureSpec
from featurizer.tables import hann

_N_COMPLEX: Final = SIDE * SIDE
_UNUSED_SLOT: Final = 2 * SIDE
"""Where the mirror of bin 0 goes on the way back: no complex number has that index."""
_WORK_PITCH: Final = SIDE + 1
"""Complex vectors between rows of 32: a row more, or all rows would compete for one place in the cache."""
_LARGEST_EXPONENT: Final = 100
"""Windows are scaled by at most this power of two, so that the inverse of the factor is a normal float."""

Floats = NDArray[np.float32] | NDArray[np.float64]


class PairTables(NamedTuple):
    """Which numbers of the complex transform make which bins of the real one.

    Attributes
    ----------
    first : numpy.ndarray, shape [17], int64
        Where in the other tables the pairs of each group of two 32-point transforms begin, and the end.
    slots : numpy.ndarray, shape [513, 3], int64
        Slot of bin `k`; slot of bin ``1024 - k`` to read; the same to write.
    bins : numpy.ndarray, shape [513], int64
        The bin `k`; its mirror is ``1024 - k``.
    """

    first: NDArray[np.int64]
    slots: NDArray[np.int64]
    bins: NDArray[np.int64]


class ForwardTables(NamedTuple):
    """Constants of the transform; the floats' type decides its precision."""

    width: Width
    taper: Floats
    twiddles: Floats
    turns: Floats
    pairs: PairTables


class InverseTables(NamedTuple):
    """Constants of the inverse transform, which is always in single precision, as librosa's."""

    width: Width
    taper: NDArray[np.float32]
    twiddles: NDArray[np.float32]
    turns: NDArray[np.float32]
    pairs: PairTables


class StftScratch(NamedTuple):
    """Memory of the transforms and what they write.

    Attributes
    ----------
    tail : numpy.ndarray, shape [16 * 512], float32
        The samples after the last 16 whole steps, padded with zeros.
    work, pairs : numpy.ndarray, flat, float32 or float64
        Of one block of frames: between the two steps; and two 32-point transforms.
    inverse_work, inverse_pairs : numpy.ndarray, flat, float32
        The same of the inverse.
    scale, unscale, silent_mask : numpy.ndarray, shape [lanes], float32
        The power of two that brings the window's peak into [0.5, 1), its inverse, and the mask of a silent
        bin (0.5); all 0 in lanes without a frame.
    spectrum : numpy.ndarray, flat, float32
        Scaled complex bins, by block of `width` frames.
    """

    tail: NDArray[np.float32]
    work: Floats
    pairs: Floats
    inverse_work: NDArray[np.float32]
    inverse_pairs: NDArray[np.float32]
    scale: NDArray[np.float32]
    unscale: NDArray[np.float32]
    silent_mask: NDArray[np.float32]
    spectrum: NDArray[np.float32]


def pair_tables() -> PairTables:
    """Pair the numbers of two 32-point transforms, 0 and 16 or `g` and ``32 - g``, by mirrored bins."""
    rows: list[tuple[int, int, int, int]] = []
    first = [0]
    for k2 in range(SIDE // 2 + 1):
        mirror = (SIDE - k2) % SIDE
        rows.append((k2, mirror, mirror if k2 else _UNUSED_SLOT, SIDE * k2))
    for k2 in range(SIDE // 2):
        mirror = 2 * SIDE - 1 - k2
        rows.append((SIDE + k2, mirror, mirror, SIDE // 2 + SIDE * k2))
    first.append(len(rows))
    for group in range(1, SIDE // 2):
        for k2 in range(SIDE):
            mirror = 2 * SIDE - 1 - k2
            rows.append((k2, mirror, mirror, group + SIDE * k2))
        first.append(len(rows))
    table = np.array(rows, dtype=np.int64)
    return PairTables(
        first=np.array(first, dtype=np.int64),
        slots=np.ascontiguousarray(table[:, :3]),
        bins=np.ascontiguousarray(table[:, 3]),
    )


def forward_tables(width: Width, *, dtype: type[np.float32] | type[np.float64]) -> ForwardTables:
    """Build the constants of the transform for vectors of `width` floats of type `dtype`."""
    # The real transform's halves are in the taper.
    taper = (0.5 * hann(N_FFT)).astype(dtype)
    return ForwardTables(width, taper, _twiddles().astype(dtype), _turns().astype(dtype), pair_tables())


def inverse_tables(width: Width) -> InverseTables:
    """Build the constants of the inverse transform."""
    # librosa rounds the taper to single; the rest is the inverse transform's 1 / n, a power of two.
    taper = hann(N_FFT).astype(np.float32) / np.float32(N_FFT)
    twiddles, turns = _twiddles().astype(np.float32), _turns().astype(np.float32)
    return InverseTables(width, taper, twiddles, turns, pair_tables())


def stft_scratch(layout: Layout, *, width: Width, dtype: type[np.float32] | type[np.float64]) -> StftScratch:
    """Allocate the transforms' memory."""
    forward_width = len(width) * 4 // np.dtype(dtype).itemsize
    n_work = SIDE * _WORK_PITCH * 2
    n_pairs = (_UNUSED_SLOT + 1) * 2
    return StftScratch(
        tail=aligned_zeros(TILE * HOP, dtype=np.float32),
        work=aligned_zeros(n_work * forward_width, dtype=dtype),
        pairs=aligned_zeros(n_pairs * forward_width, dtype=dtype),
        inverse_work=aligned_zeros(n_work * len(width), dtype=np.float32),
        inverse_pairs=aligned_zeros(n_pairs * len(width), dtype=np.float32),
        scale=aligned_zeros(layout.lanes, dtype=np.float32),
        unscale=aligned_zeros(layout.lanes, dtype=np.float32),
        silent_mask=aligned_zeros(layout.lanes, dtype=np.float32),
        spectrum=aligned_zeros(2 * layout.n_bins * layout.lanes, dtype=np.float32),
    )


def _twiddles() -> NDArray[np.float64]:
    """Return ``exp(-2 pi i n2 k1 / 1024)`` as [n2][k1][real, imaginary], flat."""
    index = np.arange(SIDE)
    return _interleaved(np.exp(-2j * np.pi * np.outer(index, index) / _N_COMPLEX))


def _turns() -> NDArray[np.float64]:
    """Return ``exp(-2 pi i k / 2048)`` of each pair's bin as [pair][real, imaginary], flat."""
    turns = np.exp(-2j * np.pi * pair_tables().bins / N_FFT)
    turns[pair_tables().bins == N_FFT // 4] = -1j
    return _interleaved(turns)


def _interleaved(numbers: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack((numbers.real, numbers.imag), axis=-1).ravel()


@fast_kernel
def _peak(window: NDArray[np.float32]) -> float:
    peak = np.float32(0)
    for sample in window:
        peak = max(peak, abs(sample))
    return float(peak)


@kernel
def set_scale(window: NDArray[np.float32], layout: Layout, scratch: StftScratch) -> float:
    """Choose the power of two that brings the window's peak into [0.5, 1); return its inverse.

    Squares of magnitudes then neither overflow nor underflow, whatever the window's loudness; all roundings
    stay as they are.
    """
    _, exponent = math.frexp(_peak(window))
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
    for row in range(0, HOP, step):
        target = _row_start(row, layout) + N_FFT // 2 // HOP
        for segment in range(0, n_whole, step):
            transpose_scaled_square(
                width, window, segment * HOP + row, HOP, factor, columns, target + segment, layout.row_pitch
            )
        if rest:
            transpose_scaled_square(
                width, scratch.tail, row, HOP, factor, columns, target + n_whole, layout.row_pitch
            )


@kernel
def _row_start(row: int, layout: Layout) -> int:
    group = row // 64
    return group * layout.group_pitch + (row - 64 * group) * layout.row_pitch


@kernel
def forward(
    columns: NDArray[np.float32],
    layout: Layout,
    tables: ForwardTables,
    block_width: Width,
    scratch: StftScratch,
    magnitude: NDArray[np.float32],
    power: NDArray[np.float32],
) -> None:
    """Transform all frames of a window in columns.

    Parameters
    ----------
    columns : numpy.ndarray, flat, float32
        From `samples_to_columns`.
    block_width : tuple
        Vector of the inverse transform: the spectrum is in blocks of that many frames.
    scratch : StftScratch
        Its `spectrum` is written.
    magnitude, power : numpy.ndarray, shape [n_bins, lanes], float32
        Written, unscaled; 0 in lanes without a frame.
    """
    step = len(tables.width)
    slot = 2 * step
    block = len(block_width)
    first, slots, bins = tables.pairs
    for frame in range(0, layout.n_frames, step):
        for n2 in range(SIDE):
            taper_and_transform(
                tables.width, columns, frame + 2 * n2 * layout.row_pitch, layout.row_pitch, layout.group_pitch,
                tables.taper, 2 * n2, tables.twiddles, 2 * SIDE * n2,
                scratch.work, slot * n2, slot * _WORK_PITCH,
            )  # fmt: skip
        spectrum = frame // block * (2 * block * layout.n_bins) + frame % block
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            transform(tables.width, scratch.work, slot * _WORK_PITCH * group, scratch.pairs, 0)
            transform(tables.width, scratch.work, slot * _WORK_PITCH * other, scratch.pairs, slot * SIDE)
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = _N_COMPLEX - here
                separate(
                    tables.width, scratch.pairs, slot * slots[pair, 0], slot * slots[pair, 1],
                    tables.turns, 2 * pair, scratch.spectrum, spectrum + 2 * block * here,
                    spectrum + 2 * block * mirror, block, scratch.unscale, frame,
                    magnitude, power, here * layout.lanes + frame, mirror * layout.lanes + frame,
                )  # fmt: skip


@kernel
def inverse(
    mask: NDArray[np.float32],
    layout: Layout,
    tables: InverseTables,
    scratch: StftScratch,
    columns: NDArray[np.float32],
) -> None:
    """Transform the scratch's spectrum, times a mask, back into samples in columns.

    Parameters
    ----------
    mask : numpy.ndarray, shape [n_bins, lanes], float32
        0 in lanes without a frame.
    columns : numpy.ndarray, flat, float32
        Overwritten with the sum of the tapered frames, scaled as the spectrum.
    """
    step = len(tables.width)
    slot = 2 * step
    first, slots, bins = tables.pairs
    for row in range(HOP):
        start = _row_start(row, layout)
        columns[start : start + step] = 0
    for frame in range(0, layout.n_frames, step):
        spectrum = frame * (2 * layout.n_bins)
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = _N_COMPLEX - here
                join_masked(
                    tables.width, scratch.spectrum, spectrum + slot * here, spectrum + slot * mirror,
                    mask, here * layout.lanes + frame, mirror * layout.lanes + frame, tables.turns, 2 * pair,
                    scratch.inverse_pairs, slot * slots[pair, 0], slot * slots[pair, 2],
                )  # fmt: skip
            transform_back(
                tables.width, scratch.inverse_pairs, 0, tables.twiddles, 2 * SIDE * group,
                scratch.inverse_work, slot * group, slot * _WORK_PITCH,
            )  # fmt: skip
            transform_back(
                tables.width, scratch.inverse_pairs, slot * SIDE, tables.twiddles, 2 * SIDE * other,
                scratch.inverse_work, slot * other, slot * _WORK_PITCH,
            )  # fmt: skip
        for k1 in range(SIDE):
            transform_back_and_add(
                tables.width, scratch.inverse_work, slot * _WORK_PITCH * k1, tables.taper, 2 * k1,
                columns, frame + 2 * k1 * layout.row_pitch, layout.row_pitch, layout.group_pitch,
            )  # fmt: skip

