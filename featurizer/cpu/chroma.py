"""Turns a magnitude spectrogram and its tuning into chroma: the share of each pitch class, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.fold import FoldShape, fold
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.cpu.statistics import mean_and_variance, partial_sums
from featurizer.cpu.vector_ir import Emitter, Value, Width
from featurizer.spec import FeatureSpec
from featurizer.tables import FLOAT32_TINY, chroma_filter_banks

N_CHROMA: Final = 12
"""Pitch classes that the vector code is written for."""
_NEIGHBOURS: Final = 6
"""Pitch classes that a bin narrower than a semitone belongs to."""
_NEGLIGIBLE: Final = 1e-6
"""Share of a bin's largest weight below which another may be left out."""
_TINY: Final = np.float32(FLOAT32_TINY)


class ChromaTables(NamedTuple):
    """Constants of `chroma`, for each tuning.

    The lowest bins are wider than a semitone and belong to all pitch classes. Each other bin belongs to the
    few classes around its pitch: what it has in others is below 1e-6 of its largest weight, and left out.

    Attributes
    ----------
    dense : numpy.ndarray, shape [n_tunings, n_dense, 12], float32
        Weights of the lowest bins.
    sparse : numpy.ndarray, shape [n_tunings, n_bins - n_dense, 6], float32
        Weights of the other bins, in six neighbouring pitch classes.
    run_start : numpy.ndarray, shape [n_tunings, n_runs + 1], int64
        First bin of each run of bins that belong to the same six classes, and the end of the last; then,
        where a tuning has fewer runs, that end again.
    run_class : numpy.ndarray, shape [n_tunings, n_runs], int64, in [0, 12)
        First of the six classes of each run.
    n_frames : int
        Number of frames.
    column : int
        Where the mean goes.
    """

    dense: NDArray[np.float32]
    sparse: NDArray[np.float32]
    run_start: NDArray[np.int64]
    run_class: NDArray[np.int64]
    n_frames: int
    column: int


class ChromaScratch(NamedTuple):
    """Working memory of `chroma`.

    Attributes
    ----------
    chroma : numpy.ndarray, shape [17, lanes], float32
        The 12 pitch classes; then the first five again, while runs that go round the octave are added up.
    scale : numpy.ndarray, shape [lanes], float32
        What each frame is multiplied by.
    moments : numpy.ndarray, shape [24], float64
        Mean and variance of each pitch class.
    partial : numpy.ndarray, shape [16], float64
        For sums.
    """

    chroma: NDArray[np.float32]
    scale: NDArray[np.float32]
    moments: NDArray[np.float64]
    partial: NDArray[np.float64]


def chroma_tables(spec: FeatureSpec) -> ChromaTables:
    """Build the filters of every tuning.

    Raises
    ------
    ValueError
        If the feature set has not 12 pitch classes.
    """
    if spec.n_chroma != N_CHROMA:
        raise ValueError(f"the CPU back end knows 12 pitch classes only: n_chroma={spec.n_chroma}")
    banks = chroma_filter_banks(spec).transpose(0, 2, 1)
    first, neglected = _heaviest_classes(banks)
    n_dense = int(np.flatnonzero(neglected > _NEGLIGIBLE)[-1]) + 1
    classes = (first[..., None] + np.arange(_NEIGHBOURS)) % N_CHROMA
    run_start, run_class = _runs(first, n_dense=n_dense)
    return ChromaTables(
        dense=np.ascontiguousarray(banks[:, :n_dense]),
        sparse=np.ascontiguousarray(np.take_along_axis(banks, classes, axis=2)[:, n_dense:]),
        run_start=run_start,
        run_class=run_class,
        n_frames=spec.n_frames,
        column=spec.feature_names.index("chroma_stft_mean"),
    )


def _heaviest_classes(banks: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find for each bin the six neighbouring classes that weigh most.

    Parameters
    ----------
    banks : numpy.ndarray, shape [n_tunings, n_bins, 12], float32

    Returns
    -------
    first : numpy.ndarray, shape [n_tunings, n_bins], int64, in [0, 12)
        First of the six.
    neglected : numpy.ndarray, shape [n_bins], float32, in [0, 1]
        The largest weight that any tuning has outside them, as a share of the bin's largest.
    """
    turned = np.stack([np.roll(banks, -start, axis=2) for start in range(N_CHROMA)])
    first = turned[..., :_NEIGHBOURS].sum(axis=3).argmax(axis=0)
    outside = np.take_along_axis(turned[..., _NEIGHBOURS:].max(axis=3), first[None], axis=0)[0]
    return first, (outside / banks.max(axis=2)).max(axis=0)


def _runs(first: NDArray[np.int64], *, n_dense: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the runs of bins from `n_dense` on with equal first classes [n_tunings, n_bins]."""
    n_tunings, n_bins = first.shape
    starts = [np.flatnonzero(np.diff(row, prepend=-1)[n_dense:]) + n_dense for row in first]
    starts = [np.union1d(start, [n_dense]) for start in starts]
    n_runs = max(len(start) for start in starts)
    run_start = np.full((n_tunings, n_runs + 1), n_bins, dtype=np.int64)
    run_class = np.zeros((n_tunings, n_runs), dtype=np.int64)
    for tuning, start in enumerate(starts):
        run_start[tuning, : len(start)] = start
        run_class[tuning, : len(start)] = first[tuning, start]
    return run_start, run_class


def chroma_scratch(spec: FeatureSpec) -> ChromaScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    return ChromaScratch(
        chroma=aligned_zeros(N_CHROMA + _NEIGHBOURS - 1, lanes, dtype=np.float32),
        scale=aligned_zeros(lanes, dtype=np.float32),
        moments=np.zeros(2 * N_CHROMA),
        partial=partial_sums(),
    )


def _project(
    e: Emitter, magnitude: Value, weights: Sequence[Value], _: Sequence[Value], sums: Sequence[Value]
) -> Sequence[Value]:
    power = e.multiply(magnitude, magnitude)
    return [e.multiply_add(weight, power, total) for total, weight in zip(sums, weights, strict=True)]


_fold_dense = fold(_project, FoldShape(n_columns=N_CHROMA, n_constants=0, n_states=N_CHROMA, n_vectors=1))
_fold_sparse = fold(
    _project, FoldShape(n_columns=_NEIGHBOURS, n_constants=0, n_states=_NEIGHBOURS, n_vectors=3)
)


@kernel
def chroma(
    width: Width,
    magnitude: NDArray[np.float32],
    tuning: int,
    tables: ChromaTables,
    scratch: ChromaScratch,
    features: NDArray[np.float64],
) -> None:
    """Write mean and variance of ``librosa.feature.chroma_stft`` (0.11): each frame's largest is scaled to 1.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    magnitude : numpy.ndarray, shape [at least n_bins, lanes], float32, at least 0
    tuning : int, in [0, n_tunings)
        What `featurizer.cpu.tuning.tuning_index` finds.
    tables : ChromaTables
    scratch : ChromaScratch
        ``scratch.chroma[:12]`` is left with the chroma, shape [12, lanes], in [0, 1], 0 in a silent frame.
    features : numpy.ndarray, shape [width], float64
        Gets two values.
    """
    values, scale = scratch.chroma, scratch.scale
    lanes = len(scale)
    _add_up(width, magnitude, tuning, tables, values)
    scale[:] = 0
    for row in range(N_CHROMA):
        for lane in range(lanes):
            scale[lane] = max(scale[lane], values[row, lane])
    for lane in range(lanes):
        scale[lane] = np.float32(1) / scale[lane] if scale[lane] >= _TINY else np.float32(1)
    for row in range(N_CHROMA):
        for lane in range(lanes):
            values[row, lane] *= scale[lane]
    moments = scratch.moments
    mean = 0.0
    for row in range(N_CHROMA):
        mean_and_variance(values[row], tables.n_frames, scratch.partial, moments, 2 * row)
        mean += moments[2 * row] / N_CHROMA
    # Rows of equal length: the mean of their variances and the variance of their means add up.
    variance = 0.0
    for row in range(N_CHROMA):
        distance = moments[2 * row] - mean
        variance += (moments[2 * row + 1] + distance * distance) / N_CHROMA
    features[tables.column] = mean
    features[tables.column + 1] = variance


@kernel
def _add_up(
    width: Width,
    magnitude: NDArray[np.float32],
    tuning: int,
    tables: ChromaTables,
    values: NDArray[np.float32],
) -> None:
    """Leave the power in each pitch class in the first 12 rows of `values`."""
    lanes = values.shape[1]
    dense, sparse = tables.dense[tuning], tables.sparse[tuning]
    run_start, run_class = tables.run_start[tuning], tables.run_class[tuning]
    n_dense = len(dense)
    values[:] = 0
    _fold_dense(width, magnitude, dense, values, values, lanes, 0, n_dense, 0, N_CHROMA, 0)
    for run in range(len(run_class)):
        first, end = run_start[run], run_start[run + 1]
        weight = (first - n_dense) * _NEIGHBOURS
        row = run_class[run]
        _fold_sparse(width, magnitude, sparse, values, values, lanes, first, end, weight, _NEIGHBOURS, row)
    for row in range(N_CHROMA, len(values)):
        again, target = values[row], values[row - N_CHROMA]
        for lane in range(lanes):
            target[lane] += again[lane]
