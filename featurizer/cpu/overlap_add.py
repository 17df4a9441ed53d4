"""Turns sums of tapered frames into the statistics of the harmonic and the percussive samples."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import (
    ADDED_GROUP_PITCH,
    ADDED_ROW_PITCH,
    HOP,
    N_FFT,
    N_GROUPS,
    ROWS_PER_GROUP,
    TILE,
    Layout,
    aligned_zeros,
)
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation
from featurizer.spec import FeatureSpec
from featurizer.tables import overlap_gain

_ROWS: Final = 16
"""Rows whose sums stay in single precision: 16 of 66,150 terms."""
_N_SUMS: Final = 4


class PartsTables(NamedTuple):
    """Constants of the samples' statistics.

    Attributes
    ----------
    width : tuple
        Vectors' length.
    gain : numpy.ndarray, flat, float32
        Factor of each sample in columns of 16 lanes; 0 outside the window. Blocks inside the window are
        alike and share one table.
    gain_start : numpy.ndarray, shape [n_blocks + 1], int64
        Where the table of each block begins.
    """

    width: Width
    gain: NDArray[np.float32]
    gain_start: NDArray[np.int64]


class PartsScratch(NamedTuple):
    """Memory of the parts' samples.

    Attributes
    ----------
    added : numpy.ndarray, flat, float32
        Sums of the harmonic part's tapered frames, in columns of 32 lanes.
    sums : numpy.ndarray, flat, float64
        By lane, of the harmonic samples, of their squares, and of the percussive ones and theirs.
    """

    added: NDArray[np.float32]
    sums: NDArray[np.float64]


def parts_tables(spec: FeatureSpec, layout: Layout, *, width: Width) -> PartsTables:
    """Lay the gain of each sample out in columns, block by block, equal blocks once."""
    n_lanes = TILE * (layout.n_blocks + 1)
    samples = np.zeros((n_lanes, HOP), dtype=np.float32)
    start = N_FFT // 2
    samples.ravel()[start : start + spec.window_samples] = overlap_gain(spec)
    blocks = samples.reshape(-1, TILE, HOP).transpose(0, 2, 1).reshape(layout.n_blocks + 1, -1)
    tables, which = np.unique(blocks, axis=0, return_inverse=True)
    gain = aligned_zeros(tables.size, dtype=np.float32)
    gain[:] = tables.ravel()
    return PartsTables(width, gain, which.ravel().astype(np.int64) * (HOP * TILE))


def parts_scratch(*, width: Width) -> PartsScratch:
    """Allocate the memory."""
    return PartsScratch(
        added=aligned_zeros(N_GROUPS * ADDED_GROUP_PITCH, dtype=np.float32),
        sums=aligned_zeros(_N_SUMS * len(width), dtype=np.float64),
    )


@kernel
def add_block(
    samples: NDArray[np.float32], block: int, layout: Layout, tables: PartsTables, scratch: PartsScratch
) -> None:
    """Add a block's samples to the sums.

    The two masks add up to 1, so the percussive part is what the harmonic part leaves.

    Parameters
    ----------
    samples : numpy.ndarray, flat, float32
        The window in columns, scaled.
    block : int
        Number of the block of 16 lanes, in order; one more than there are blocks of frames.
    scratch : PartsScratch
        `added` holds the block's complete lanes.
    """
    width, gain, gain_start = tables
    added, sums = scratch
    row_pitch = layout.row_pitch
    for group in range(N_GROUPS):
        for row in range(0, ROWS_PER_GROUP, _ROWS):
            for lane in range(0, TILE, len(width)):
                place = group * ADDED_GROUP_PITCH + row * ADDED_ROW_PITCH + block % 2 * TILE + lane
                sample = group * layout.group_pitch + row * row_pitch + block * TILE + lane
                factor = gain_start[block] + (ROWS_PER_GROUP * group + row) * TILE + lane
                add_samples(
                    width, added, place, ADDED_ROW_PITCH, samples, sample, row_pitch, gain, factor, TILE, sums
                )


@kernel
def write_statistics(
    unscale: float,
    layout: Layout,
    scratch: PartsScratch,
    features: NDArray[np.float64],
    column: int,
) -> None:
    """Write mean and variance of the harmonic samples, then of the percussive ones.

    Parameters
    ----------
    unscale : float
        Factor from the scaled samples to the window's.
    features : numpy.ndarray, shape [width], float64
        Written from `column` to ``column + 3``.
    """
    sums = scratch.sums
    step = len(sums) // _N_SUMS
    n = layout.window_samples
    for part in range(2):
        total = 0.0
        squares = 0.0
        for lane in range(step):
            total += sums[2 * part * step + lane]
            squares += sums[(2 * part + 1) * step + lane]
        mean = total / n
        features[column + 2 * part] = mean * unscale
        features[column + 2 * part + 1] = max(squares / n - mean * mean, 0.0) * unscale * unscale


@vector_operation
def add_samples(
    e: Emitter,
    added: Memory,
    place: Value,
    place_pitch: Value,
    samples: Memory,
    sample: Value,
    sample_pitch: Value,
    gain: Memory,
    factor: Value,
    factor_pitch: Value,
    sums: Memory,
) -> None:
    """Add 16 rows of harmonic and percussive samples, and their squares, to the sums of each lane."""
    totals: list[Value] = []
    for row in range(_ROWS):
        total = e.load(added, e.at(place, place_pitch, row))
        harmonic = e.multiply(total, e.load(gain, e.at(factor, factor_pitch, row)))
        percussive = e.subtract(e.load(samples, e.at(sample, sample_pitch, row)), harmonic)
        if not totals:
            squares = [e.multiply(part, part) for part in (harmonic, percussive)]
            totals = [harmonic, squares[0], percussive, squares[1]]
            continue
        totals = [
            e.add(totals[0], harmonic),
            e.multiply_add(harmonic, harmonic, totals[1]),
            e.add(totals[2], percussive),
            e.multiply_add(percussive, percussive, totals[3]),
        ]
    for index, total in enumerate(totals):
        start = e.index(index * e.width)
        e.store(e.add(e.load(sums, start), e.convert(total, sums.element)), sums, start)
