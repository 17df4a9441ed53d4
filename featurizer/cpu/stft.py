"""Turns a window's samples into a spectrogram, and a masked spectrogram back into samples."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.fft import (
    PEAK_VECTORS,
    SIDE,
    join_masked,
    raise_peaks,
    separate,
    taper_and_transform,
    transform,
    transform_back,
    transform_back_and_add,
)
from featurizer.cpu.layout import HOP, N_FFT, TILE, Floats, FloatType, Layout, aligned_zeros
from featurizer.cpu.transpose import transpose_scaled_square
from featurizer.cpu.vector_ir import Width
from featurizer.tables import hann

_N_COMPLEX: Final = SIDE * SIDE
_UNUSED_SLOT: Final = 2 * SIDE
"""Where the mirror of bin 0 goes on the way back: no complex number has that index."""
_WORK_PITCH: Final = SIDE + 1
"""Complex vectors between rows of 32: a row more, or all rows would compete for one place in the cache."""
_LARGEST_EXPONENT: Final = 100
"""Windows are scaled by at most this power of two, so that the inverse of the factor is a normal float."""


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
    peaks : numpy.ndarray, shape [width], float32
        Greatest magnitude in each lane.
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
    peaks: NDArray[np.float32]
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


def forward_tables(width: Width, *, dtype: FloatType) -> ForwardTables:
    """Build the constants of the transform.

    Parameters
    ----------
    width : tuple
        As long as a vector has float32 lanes; of float64 it has half as many.
    dtype : float32 or float64
        Precision of the transform.
    """
    width = width[: _lanes(width, dtype=dtype)]
    # The real transform's halves are in the taper.
    taper = (0.5 * hann(N_FFT)).astype(dtype)
    return ForwardTables(width, taper, _twiddles().astype(dtype), _turns().astype(dtype), pair_tables())


def inverse_tables(width: Width) -> InverseTables:
    """Build the constants of the inverse transform."""
    # librosa rounds the taper to single; the rest is the inverse transform's 1 / n, a power of two.
    taper = hann(N_FFT).astype(np.float32) / np.float32(N_FFT)
    twiddles, turns = _twiddles().astype(np.float32), _turns().astype(np.float32)
    return InverseTables(width, taper, twiddles, turns, pair_tables())


def stft_scratch(layout: Layout, *, width: Width, dtype: FloatType) -> StftScratch:
    """Allocate the transforms' memory."""
    forward_width = _lanes(width, dtype=dtype)
    n_work = SIDE * _WORK_PITCH * 2
    n_pairs = (_UNUSED_SLOT + 1) * 2
    return StftScratch(
        tail=aligned_zeros(TILE * HOP, dtype=np.float32),
        peaks=aligned_zeros(len(width), dtype=np.float32),
        work=aligned_zeros(n_work * forward_width, dtype=dtype),
        pairs=aligned_zeros(n_pairs * forward_width, dtype=dtype),
        inverse_work=aligned_zeros(n_work * len(width), dtype=np.float32),
        inverse_pairs=aligned_zeros(n_pairs * len(width), dtype=np.float32),
        scale=aligned_zeros(layout.lanes, dtype=np.float32),
        unscale=aligned_zeros(layout.lanes, dtype=np.float32),
        silent_mask=aligned_zeros(layout.lanes, dtype=np.float32),
        spectrum=aligned_zeros(2 * layout.n_bins * layout.lanes, dtype=np.float32),
    )


def _lanes(width: Width, *, dtype: FloatType) -> int:
    return len(width) * np.dtype(np.float32).itemsize // np.dtype(dtype).itemsize


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
    magnitude : numpy.ndarray, shape [n_bins, lanes], float32
        Written, unscaled; 0 in lanes without a frame.
    """
    # Each attribute of a tuple that a loop reads costs it the counting of a reference: hence the names.
    width, taper, twiddles, turns, pairs = tables
    first, slots, bins = pairs
    work, halves, spectrum, unscale = scratch.work, scratch.pairs, scratch.spectrum, scratch.unscale
    lanes, n_bins, row_pitch, group_pitch = layout.lanes, layout.n_bins, layout.row_pitch, layout.group_pitch
    step = len(width)
    slot = 2 * step
    block = len(block_width)
    for frame in range(0, layout.n_frames, step):
        for n2 in range(SIDE):
            taper_and_transform(
                width, columns, frame + 2 * n2 * row_pitch, row_pitch, group_pitch, taper, 2 * n2,
                twiddles, 2 * SIDE * n2, work, slot * n2, slot * _WORK_PITCH,
            )  # fmt: skip
        start = frame // block * (2 * block * n_bins) + frame % block
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            transform(width, work, slot * _WORK_PITCH * group, halves, 0)
            transform(width, work, slot * _WORK_PITCH * other, halves, slot * SIDE)
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = _N_COMPLEX - here
                separate(
                    width, halves, slot * slots[pair, 0], slot * slots[pair, 1], turns, 2 * pair,
                    spectrum, start + 2 * block * here, start + 2 * block * mirror, block, unscale, frame,
                    magnitude, here * lanes + frame, mirror * lanes + frame,
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
    width, taper, twiddles, turns, pairs = tables
    first, slots, bins = pairs
    work, halves, spectrum = scratch.inverse_work, scratch.inverse_pairs, scratch.spectrum
    lanes, n_bins, row_pitch, group_pitch = layout.lanes, layout.n_bins, layout.row_pitch, layout.group_pitch
    step = len(width)
    slot = 2 * step
    for row in range(HOP):
        start = _row_start(row, layout)
        columns[start : start + step] = 0
    for frame in range(0, layout.n_frames, step):
        start = frame * (2 * n_bins)
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = _N_COMPLEX - here
                join_masked(
                    width, spectrum, start + slot * here, start + slot * mirror,
                    mask, here * lanes + frame, mirror * lanes + frame, turns, 2 * pair,
                    halves, slot * slots[pair, 0], slot * slots[pair, 2],
                )  # fmt: skip
            transform_back(
                width, halves, 0, twiddles, 2 * SIDE * group, work, slot * group, slot * _WORK_PITCH
            )
            transform_back(
                width, halves, slot * SIDE, twiddles, 2 * SIDE * other, work, slot * other, slot * _WORK_PITCH
            )
        for k1 in range(SIDE):
            transform_back_and_add(
                width, work, slot * _WORK_PITCH * k1, taper, 2 * k1,
                columns, frame + 2 * k1 * row_pitch, row_pitch, group_pitch,
            )  # fmt: skip
