"""Turns sums of tapered frames into the statistics of the harmonic and the percussive samples."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import HOP, N_FFT, ROWS_PER_GROUP, Layout, aligned_zeros, columns_of
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation
from featurizer.spec import FeatureSpec
from featurizer.tables import overlap_gain

_BLOCK: Final = 16
"""Rows whose sums stay in single precision: 16 of 66,150 terms."""
_N_SUMS: Final = 4


class PartsTables(NamedTuple):
    """Constants of the samples' statistics.

    Attributes
    ----------
    width : tuple
        Vectors' length.
    gain : numpy.ndarray, flat, float32
        Factor of each sample, in columns; 0 outside the window.
    """

    width: Width
    gain: NDArray[np.float32]


class PartsScratch(NamedTuple):
    """Sums of the harmonic samples, their squares, the percussive samples and theirs, by lane, float64."""

    sums: NDArray[np.float64]


def parts_tables(spec: FeatureSpec, layout: Layout, *, width: Width) -> PartsTables:
    """Lay the gain of each sample out in columns."""
    gain = columns_of(layout)
    samples = np.zeros((layout.row_pitch, HOP), dtype=np.float32)
    start = N_FFT // 2
    samples.ravel()[start : start + spec.window_samples] = overlap_gain(spec)
    rows = gain.reshape(-1, layout.group_pitch)[:, : ROWS_PER_GROUP * layout.row_pitch]
    rows[:] = samples.T.reshape(len(rows), -1)
    return PartsTables(width, gain)


def parts_scratch(*, width: Width) -> PartsScratch:
    """Allocate the sums."""
    return PartsScratch(aligned_zeros(_N_SUMS * len(width), dtype=np.float64))


@kernel
def parts_statistics(
    added: NDArray[np.float32],
    samples: NDArray[np.float32],
    unscale: float,
    layout: Layout,
    tables: PartsTables,
    scratch: PartsScratch,
    features: NDArray[np.float64],
    column: int,
) -> None:
    """Write mean and variance of the harmonic samples, then of the percussive ones.

    The two masks add up to 1, so the percussive part is what the harmonic part leaves.

    Parameters
    ----------
    added : numpy.ndarray, flat, float32
        Sum of the harmonic part's tapered frames, in columns, scaled.
    samples : numpy.ndarray, flat, float32
        The window in columns, scaled.
    unscale : float
        Factor from the scaled samples to the window's.
    features : numpy.ndarray, shape [width], float64
        Written from `column` to ``column + 3``.
    """
    width, gain = tables
    sums = scratch.sums
    row_pitch = layout.row_pitch
    step = len(width)
    sums[:] = 0
    for row in range(0, HOP, _BLOCK):
        group = row // ROWS_PER_GROUP
        start = group * layout.group_pitch + (row - ROWS_PER_GROUP * group) * row_pitch
        for lane in range(0, layout.lanes + N_FFT // HOP, step):
            add_samples(width, added, samples, gain, start + lane, row_pitch, sums)
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
    samples: Memory,
    gain: Memory,
    start: Value,
    pitch: Value,
    sums: Memory,
) -> None:
    """Add 16 rows of harmonic and percussive samples, and their squares, to the sums of each lane."""
    totals: list[Value] = []
    for row in range(_BLOCK):
        place = e.at(start, pitch, row)
        harmonic = e.multiply(e.load(added, place), e.load(gain, place))
        percussive = e.subtract(e.load(samples, place), harmonic)
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
        place = e.index(index * e.width)
        e.store(e.add(e.load(sums, place), e.convert(total, sums.element)), sums, place)
