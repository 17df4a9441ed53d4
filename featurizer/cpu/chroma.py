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
_TINY: Final = np.float32(FLOAT32_TINY)


class ChromaTables(NamedTuple):
    """Constants of `chroma`.

    Attributes
    ----------
    banks : numpy.ndarray, shape [n_tunings, n_bins, 12], float32
        For each tuning the weight of each bin in each pitch class.
    n_frames : int
        Number of frames.
    column : int
        Where the mean goes.
    """

    banks: NDArray[np.float32]
    n_frames: int
    column: int


class ChromaScratch(NamedTuple):
    """Working memory of `chroma`: the chroma, each frame's scale, each pitch class's moments, and sums."""

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
    return ChromaTables(
        banks=np.ascontiguousarray(chroma_filter_banks(spec).transpose(0, 2, 1)),
        n_frames=spec.n_frames,
        column=spec.feature_names.index("chroma_stft_mean"),
    )


def chroma_scratch(spec: FeatureSpec) -> ChromaScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    return ChromaScratch(
        chroma=aligned_zeros(N_CHROMA, lanes, dtype=np.float32),
        scale=aligned_zeros(lanes, dtype=np.float32),
        moments=np.zeros(2 * N_CHROMA),
        partial=partial_sums(),
    )


def _project(
    e: Emitter, magnitude: Value, weights: Sequence[Value], _: Sequence[Value], sums: Sequence[Value]
) -> Sequence[Value]:
    power = e.multiply(magnitude, magnitude)
    return [e.multiply_add(weight, power, total) for total, weight in zip(sums, weights, strict=True)]


_fold_chroma = fold(_project, FoldShape(n_columns=N_CHROMA, n_constants=0, n_states=N_CHROMA, n_vectors=1))


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
        ``scratch.chroma`` is left with the chroma, shape [12, lanes], in [0, 1], 0 in a silent frame.
    features : numpy.ndarray, shape [width], float64
        Gets two values.
    """
    bank = tables.banks[tuning]
    values, scale = scratch.chroma, scratch.scale
    lanes = len(scale)
    _fold_chroma(width, magnitude, bank, values, values, lanes, 0, len(bank), 0, N_CHROMA, 0)
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
