"""Turns a magnitude spectrogram into the mask of its harmonic part by two sliding medians."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import HALF_MEDIAN, TILE, Layout, aligned_zeros
from featurizer.cpu.median import median_tile
from featurizer.cpu.transpose import transpose_square, transposed
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, copy_vector, vector_operation


class HpssScratch(NamedTuple):
    """Memory of 16 bins of a block.

    Attributes
    ----------
    along_time : numpy.ndarray, shape [48, 16], float32
        Magnitudes of the block and its neighbours, row = frame, column = bin.
    harmonic : numpy.ndarray, shape [16, 16], float32
        Medians along time, row = frame, column = bin.
    percussive : numpy.ndarray, shape [16, 16], float32
        Medians along frequency, row = bin, column = frame.
    """

    along_time: NDArray[np.float32]
    harmonic: NDArray[np.float32]
    percussive: NDArray[np.float32]


def hpss_scratch() -> HpssScratch:
    """Allocate the memory of 16 bins."""
    return HpssScratch(
        along_time=aligned_zeros(3 * TILE, TILE, dtype=np.float32),
        harmonic=aligned_zeros(TILE, TILE, dtype=np.float32),
        percussive=aligned_zeros(TILE, TILE, dtype=np.float32),
    )


def padded_magnitude(layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Allocate a magnitude spectrogram with room for mirrored bins on either side.

    Returns
    -------
    padded : numpy.ndarray, shape [15 + n_bins + at least 15, lanes], float32
    magnitude : numpy.ndarray, shape [n_bins, lanes], float32
        The middle of `padded`; shares its memory.
    """
    padded = aligned_zeros(layout.n_tiles * TILE + 2 * TILE, layout.lanes, dtype=np.float32)
    return padded, padded[HALF_MEDIAN : HALF_MEDIAN + layout.n_bins]


def mask_of(layout: Layout) -> NDArray[np.float32]:
    """Allocate the mask of a block, shape [n_bins padded to a multiple of 16, 16], float32."""
    return aligned_zeros(layout.n_tiles * TILE, TILE, dtype=np.float32)


@kernel
def harmonic_mask(
    padded: NDArray[np.float32],
    block: int,
    layout: Layout,
    width: Width,
    scale: NDArray[np.float32],
    silent_mask: NDArray[np.float32],
    scratch: HpssScratch,
    mask: NDArray[np.float32],
) -> None:
    """Compute the harmonic share of each bin of 16 frames (Fitzgerald 2010; ``librosa.effects.hpss`` 0.11).

    Parameters
    ----------
    padded : numpy.ndarray, shape [15 + n_bins + 15 or more, lanes], float32
        Magnitudes from row 15 on, of this block, the one before and the one after; the mirrored rows before
        and after are written here.
    block : int
        Number of the block of 16 frames.
    scale, silent_mask : numpy.ndarray, shape [lanes], float32
        Factor that keeps squares of magnitudes from underflow, and the mask where both medians are 0; both
        are 0 in lanes without a frame.
    mask : numpy.ndarray, shape [n_bins or more, 16], float32
        Written, in [0, 1]; 0 in lanes without a frame.
    """
    along_time, harmonic, percussive = scratch
    lanes = layout.lanes
    step = len(width)
    first_lane = TILE * block
    _mirror_bins(padded, first_lane, layout, width)
    for tile in range(layout.n_tiles):
        _fill_along_time(padded, TILE * tile + HALF_MEDIAN, block, layout, width, along_time)
        source = TILE * tile * lanes + first_lane
        for column in range(0, TILE, step):
            # Row 16 is the block's first frame.
            median_tile(width, along_time, (TILE - HALF_MEDIAN) * TILE + column, TILE, harmonic, column, TILE)
            median_tile(width, padded, source + column, lanes, percussive, column, TILE)
        for bin_ in range(0, TILE, step):
            for column in range(0, TILE, step):
                mask_square(
                    width, harmonic, TILE * column + bin_, percussive, TILE * bin_ + column, TILE,
                    scale, silent_mask, first_lane + column,
                    mask, (TILE * tile + bin_) * TILE + column, TILE,
                )  # fmt: skip


@kernel
def _mirror_bins(padded: NDArray[np.float32], first_lane: int, layout: Layout, width: Width) -> None:
    """Repeat the first and last 15 bins in mirrored order, the edge included."""
    lanes = layout.lanes
    end = HALF_MEDIAN + layout.n_bins
    for lane in range(first_lane, first_lane + TILE, len(width)):
        for row in range(HALF_MEDIAN):
            before, after = HALF_MEDIAN + row, end - 1 - row
            copy_vector(width, padded, before * lanes + lane, padded, (HALF_MEDIAN - 1 - row) * lanes + lane)
            copy_vector(width, padded, after * lanes + lane, padded, (end + row) * lanes + lane)


@kernel
def _fill_along_time(
    padded: NDArray[np.float32],
    first_row: int,
    block: int,
    layout: Layout,
    width: Width,
    along_time: NDArray[np.float32],
) -> None:
    """Transpose 16 bins of a block and its neighbours; mirror the frames at the window's ends."""
    step = len(width)
    lanes = layout.lanes
    # Row 0 is the first frame of the block before.
    first_frame = TILE * (block - 1)
    for frame in range(max(first_frame, 0), min(first_frame + 3 * TILE, lanes), step):
        for bin_ in range(0, TILE, step):
            transpose_square(
                width, padded, (first_row + bin_) * lanes + frame, lanes,
                along_time, (frame - first_frame) * TILE + bin_, TILE,
            )  # fmt: skip
    for column in range(0, TILE, step):
        for back in range(1, TILE if block == 0 else 1):
            copy_vector(
                width,
                along_time,
                (TILE + back - 1) * TILE + column,
                along_time,
                (TILE - back) * TILE + column,
            )
        end = layout.n_frames - first_frame
        for on in range(max(3 * TILE - end, 0)):
            if on < HALF_MEDIAN:
                copy_vector(
                    width, along_time, (end - 1 - on) * TILE + column, along_time, (end + on) * TILE + column
                )


@vector_operation
def mask_square(
    e: Emitter,
    harmonic: Memory,
    harmonic_start: Value,
    percussive: Memory,
    percussive_start: Value,
    pitch: Value,
    scale: Memory,
    silent_mask: Memory,
    lane: Value,
    mask: Memory,
    mask_start: Value,
    mask_pitch: Value,
) -> None:
    """Write a square of the mask: the harmonic share of the power of both medians.

    librosa (``librosa.util.softmask``) divides by the greater of both before it squares; here the window's
    scale keeps squares in range, which saves two divisions of three. The medians along time come
    transposed.
    """
    rows = [e.load(harmonic, e.at(harmonic_start, pitch, row)) for row in range(e.width)]
    factor, silent = e.load(scale, lane), e.load(silent_mask, lane)
    for row, wanted in enumerate(transposed(e, rows)):
        other = e.multiply(factor, e.load(percussive, e.at(percussive_start, pitch, row)))
        scaled = e.multiply(factor, wanted)
        share = e.multiply(scaled, scaled)
        total = e.multiply_add(other, other, share)
        value = e.where_zero(total, silent, e.divide(share, total))
        e.store(value, mask, e.at(mask_start, mask_pitch, row))
