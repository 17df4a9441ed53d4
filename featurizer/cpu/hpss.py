"""Turns a magnitude spectrogram into the mask of its harmonic part by two sliding medians."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import HALF_MEDIAN, TILE, Layout, aligned_zeros
from featurizer.cpu.median import median_tile
from featurizer.cpu.transpose import transpose_square, transposed
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation


class HpssScratch(NamedTuple):
    """Memory of one block of 16 bins.

    Attributes
    ----------
    along_time : numpy.ndarray, shape [frames and mirrored frames, 16], float32
        Magnitudes of the block, row = frame, column = bin.
    harmonic : numpy.ndarray, shape [16, 16], float32
        Medians along time, row = frame, column = bin.
    percussive : numpy.ndarray, shape [16, 16], float32
        Medians along frequency, row = bin, column = frame.
    """

    along_time: NDArray[np.float32]
    harmonic: NDArray[np.float32]
    percussive: NDArray[np.float32]


def hpss_scratch(layout: Layout) -> HpssScratch:
    """Allocate the memory of one block."""
    return HpssScratch(
        along_time=aligned_zeros(layout.lanes + 2 * TILE, TILE, dtype=np.float32),
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
    """Allocate a mask, shape [n_bins padded to a multiple of 16, lanes], float32."""
    return aligned_zeros(layout.n_tiles * TILE, layout.lanes, dtype=np.float32)


@kernel
def harmonic_mask(
    padded: NDArray[np.float32],
    layout: Layout,
    width: Width,
    scale: NDArray[np.float32],
    silent_mask: NDArray[np.float32],
    scratch: HpssScratch,
    mask: NDArray[np.float32],
) -> None:
    """Compute the share of each bin that is harmonic (Fitzgerald 2010; ``librosa.decompose.hpss``).

    Bins go by 16, so that all but the spectrogram and the mask stays in the innermost cache.

    Parameters
    ----------
    padded : numpy.ndarray, shape [15 + n_bins + 15 or more, lanes], float32
        Magnitudes from row 15 on; the mirrored rows before and after are written here.
    scale, silent_mask : numpy.ndarray, shape [lanes], float32
        Factor that keeps squares of magnitudes from underflow, and the mask where both medians are 0; both
        are 0 in lanes without a frame.
    mask : numpy.ndarray, shape [n_bins or more, lanes], float32
        Written, in [0, 1]; 0 in lanes without a frame.
    """
    _mirror_rows(padded, layout.n_bins)
    along_time, harmonic, percussive = scratch
    lanes = layout.lanes
    step = len(width)
    for tile in range(layout.n_tiles):
        _fill_block(padded, TILE * tile + HALF_MEDIAN, layout, width, along_time)
        for frame in range(0, layout.n_frames, TILE):
            source = TILE * tile * lanes + frame
            for column in range(0, TILE, step):
                median_tile(width, along_time, TILE * frame + column, TILE, harmonic, column, TILE)
                median_tile(width, padded, source + column, lanes, percussive, column, TILE)
            for bin_ in range(0, TILE, step):
                for column in range(0, TILE, step):
                    mask_square(
                        width, harmonic, TILE * column + bin_, percussive, TILE * bin_ + column, TILE,
                        scale, silent_mask, frame + column,
                        mask, (TILE * tile + bin_) * lanes + frame + column, lanes,
                    )  # fmt: skip


@kernel
def _mirror_rows(padded: NDArray[np.float32], n_bins: int) -> None:
    """Repeat the first and last 15 rows in mirrored order, the edge included."""
    end = HALF_MEDIAN + n_bins
    for row in range(HALF_MEDIAN):
        padded[HALF_MEDIAN - 1 - row] = padded[HALF_MEDIAN + row]
        padded[end + row] = padded[end - 1 - row]


@kernel
def _fill_block(
    padded: NDArray[np.float32],
    first_row: int,
    layout: Layout,
    width: Width,
    along_time: NDArray[np.float32],
) -> None:
    """Transpose 16 rows of magnitudes and mirror the first and last 15 frames."""
    step = len(width)
    lanes = layout.lanes
    for frame in range(0, layout.n_frames, step):
        for bin_ in range(0, TILE, step):
            transpose_square(
                width, padded, (first_row + bin_) * lanes + frame, lanes,
                along_time, (HALF_MEDIAN + frame) * TILE + bin_, TILE,
            )  # fmt: skip
    _mirror_rows(along_time, layout.n_frames)


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
