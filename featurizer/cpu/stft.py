"""Turns blocks of frames into spectra, and masked spectra back into samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.fft import (
    SIDE,
    join_masked,
    separate,
    taper_and_transform,
    transform,
    transform_back,
    transform_back_and_add,
)
from featurizer.cpu.layout import ADDED_GROUP_PITCH, ADDED_ROW_PITCH, HOP, ROWS_PER_GROUP, TILE, Layout
from featurizer.cpu.stft_tables import N_COMPLEX, WORK_PITCH, ForwardTables, InverseTables, StftScratch
from featurizer.cpu.vector_ir import Width, clear_vector


@kernel
def forward(
    columns: NDArray[np.float32],
    block: int,
    layout: Layout,
    tables: ForwardTables,
    scratch: StftScratch,
    magnitude: NDArray[np.float32],
) -> None:
    """Transform a block of 16 frames.

    Parameters
    ----------
    columns : numpy.ndarray, flat, float32
        From `samples_to_columns`.
    block : int
        Number of the block.
    scratch : StftScratch
        Half of its `spectrum` is written.
    magnitude : numpy.ndarray, shape [n_bins, lanes], float32
        16 lanes are written, unscaled; 0 in lanes without a frame.
    """
    # Each attribute of a tuple that a loop reads costs it the counting of a reference: hence the names.
    width, taper, twiddles, turns, pairs = tables
    first, slots, bins = pairs
    work, halves, spectrum, unscale = scratch.work, scratch.pairs, scratch.spectrum, scratch.unscale
    lanes, row_pitch, group_pitch = layout.lanes, layout.row_pitch, layout.group_pitch
    step = len(width)
    slot = 2 * step
    end = min(TILE * (block + 1), layout.n_frames)
    for frame in range(TILE * block, end, step):
        for n2 in range(SIDE):
            taper_and_transform(
                width, columns, frame + 2 * n2 * row_pitch, row_pitch, group_pitch, taper, 2 * n2,
                twiddles, 2 * SIDE * n2, work, slot * n2, slot * WORK_PITCH,
            )  # fmt: skip
        start = _spectrum_start(block, layout) + frame - TILE * block
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            transform(width, work, slot * WORK_PITCH * group, halves, 0)
            transform(width, work, slot * WORK_PITCH * other, halves, slot * SIDE)
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = N_COMPLEX - here
                separate(
                    width, halves, slot * slots[pair, 0], slot * slots[pair, 1], turns, 2 * pair,
                    spectrum, start + 2 * TILE * here, start + 2 * TILE * mirror, TILE, unscale, frame,
                    magnitude, here * lanes + frame, mirror * lanes + frame,
                )  # fmt: skip


@kernel
def _spectrum_start(block: int, layout: Layout) -> int:
    """Return where a block's spectrum begins: two blocks take turns, one is read while the next is made."""
    return block % 2 * (2 * TILE * layout.n_bins)


@kernel
def clear_added(added: NDArray[np.float32], width: Width) -> None:
    """Clear what the first vector of frames is added to."""
    for row in range(HOP):
        clear_vector(width, added, row * ADDED_ROW_PITCH + row // ROWS_PER_GROUP * TILE)


@kernel
def inverse(
    mask: NDArray[np.float32],
    block: int,
    layout: Layout,
    tables: InverseTables,
    scratch: StftScratch,
    added: NDArray[np.float32],
) -> None:
    """Transform a block of the scratch's spectrum, times a mask, back into samples, and add them up.

    Parameters
    ----------
    mask : numpy.ndarray, shape [n_bins or more, 16], float32
        0 in lanes without a frame.
    added : numpy.ndarray, flat, float32
        Sums of tapered frames in columns of 32 lanes: those of blocks with even and odd number in turn. The
        block's lanes are then complete, scaled as the spectrum is.
    """
    width, taper, twiddles, turns, pairs = tables
    first, slots, bins = pairs
    work, halves, spectrum = scratch.inverse_work, scratch.inverse_pairs, scratch.spectrum
    step = len(width)
    slot = 2 * step
    end = min(TILE * (block + 1), layout.n_frames)
    for frame in range(TILE * block, end, step):
        lane = frame - TILE * block
        start = _spectrum_start(block, layout) + lane
        for group in range(SIDE // 2):
            other = SIDE - group if group else SIDE // 2
            for pair in range(first[group], first[group + 1]):
                here = bins[pair]
                mirror = N_COMPLEX - here
                join_masked(
                    width, spectrum, start + 2 * TILE * here, start + 2 * TILE * mirror, TILE,
                    mask, TILE * here + lane, TILE * mirror + lane, turns, 2 * pair,
                    halves, slot * slots[pair, 0], slot * slots[pair, 2],
                )  # fmt: skip
            transform_back(
                width, halves, 0, twiddles, 2 * SIDE * group, work, slot * group, slot * WORK_PITCH
            )
            transform_back(
                width, halves, slot * SIDE, twiddles, 2 * SIDE * other, work, slot * other, slot * WORK_PITCH
            )
        here = frame % ADDED_ROW_PITCH
        beyond = (frame + step) % ADDED_ROW_PITCH
        for k1 in range(SIDE):
            row = 2 * k1 * ADDED_ROW_PITCH
            transform_back_and_add(
                width, work, slot * WORK_PITCH * k1, taper, 2 * k1,
                added, here + row, beyond + row, ADDED_ROW_PITCH, ADDED_GROUP_PITCH,
            )  # fmt: skip
