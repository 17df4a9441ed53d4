"""Turns a magnitude spectrogram into centroid, bandwidth and roll-off frequencies, frame by frame."""

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
from featurizer.tables import FLOAT32_TINY, bin_frequencies

_TINY: Final = np.float32(FLOAT32_TINY)


class SpectralTables(NamedTuple):
    """Constants of `spectral_shape`.

    Attributes
    ----------
    frequency : numpy.ndarray, shape [n_bins], float32, Hz
        Of each bin.
    rolloff_percent : numpy.ndarray, shape [1], float32, in [0, 1]
        Share of a frame's magnitude below the roll-off frequency.
    n_frames : int
        Number of frames.
    centroid_column, bandwidth_column, rolloff_column : int
        Where the means go.
    """

    frequency: NDArray[np.float32]
    rolloff_percent: NDArray[np.float32]
    n_frames: int
    centroid_column: int
    bandwidth_column: int
    rolloff_column: int


class SpectralScratch(NamedTuple):
    """Working memory of `spectral_shape`, all [rows, lanes] float32 but the last.

    Attributes
    ----------
    sums : numpy.ndarray, shape [3, lanes]
        Per frame: the total of the magnitudes, their sum weighted by frequency, and the largest magnitude.
    limits : numpy.ndarray, shape [2, lanes]
        Per frame: the centroid in Hz and the share of the total that makes the roll-off.
    counts : numpy.ndarray, shape [3, lanes]
        Per frame: the weighted squared deviation (then the bandwidth), the number of bins below the roll-off
        (then its frequency), and the running total.
    partial : numpy.ndarray, shape [16], float64
        For sums.
    """

    sums: NDArray[np.float32]
    limits: NDArray[np.float32]
    counts: NDArray[np.float32]
    partial: NDArray[np.float64]


def spectral_tables(spec: FeatureSpec) -> SpectralTables:
    """Build the constants from the frequencies of the bins."""
    return SpectralTables(
        frequency=bin_frequencies(spec).astype(np.float32),
        rolloff_percent=np.array([spec.rolloff_percent], dtype=np.float32),
        n_frames=spec.n_frames,
        centroid_column=spec.feature_names.index("spectral_centroid_mean"),
        bandwidth_column=spec.feature_names.index("spectral_bandwidth_mean"),
        rolloff_column=spec.feature_names.index("rolloff_mean"),
    )


def spectral_scratch(spec: FeatureSpec) -> SpectralScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    return SpectralScratch(
        sums=aligned_zeros(3, lanes, dtype=np.float32),
        limits=aligned_zeros(2, lanes, dtype=np.float32),
        counts=aligned_zeros(3, lanes, dtype=np.float32),
        partial=partial_sums(),
    )


def _add_up(
    e: Emitter, magnitude: Value, columns: Sequence[Value], _: Sequence[Value], sums: Sequence[Value]
) -> Sequence[Value]:
    total, weighted, peak = sums
    # The total is a running sum in the order of the bins, rounded to single: what the roll-off is made of.
    return (
        e.add(total, magnitude),
        e.multiply_add(magnitude, columns[0], weighted),
        e.maximum(peak, magnitude),
    )


def _spread(
    e: Emitter, magnitude: Value, columns: Sequence[Value], limits: Sequence[Value], counts: Sequence[Value]
) -> Sequence[Value]:
    centroid, share = limits
    deviation, below, total = counts
    distance = e.subtract(columns[0], centroid)
    total = e.add(total, magnitude)
    is_below = e.builder.fcmp_ordered("<", total, share)
    return (
        e.multiply_add(e.multiply(magnitude, distance), distance, deviation),
        e.builder.select(is_below, e.add(below, e.constant(1.0, below)), below),
        total,
    )


_fold_sums = fold(_add_up, FoldShape(n_columns=1, n_constants=0, n_states=3, n_vectors=3))
_fold_counts = fold(_spread, FoldShape(n_columns=1, n_constants=2, n_states=3, n_vectors=3))


@kernel
def spectral_shape(
    width: Width,
    magnitude: NDArray[np.float32],
    tables: SpectralTables,
    scratch: SpectralScratch,
    features: NDArray[np.float64],
) -> None:
    """Write mean and variance of centroid, bandwidth and roll-off, as ``librosa.feature.spectral_*`` 0.11.

    All three are 0 in a silent frame.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    magnitude : numpy.ndarray, shape [at least n_bins, lanes], float32, at least 0
        Columns from ``n_frames`` on hold zeros.
    tables : SpectralTables
    scratch : SpectralScratch
        ``scratch.sums[2]`` is left with the largest magnitude of each frame.
    features : numpy.ndarray, shape [width], float64
        Gets six values.
    """
    n_bins = len(tables.frequency)
    lanes = magnitude.shape[1]
    sums, limits, counts = scratch.sums, scratch.limits, scratch.counts
    sums[:] = 0
    _fold_sums(width, magnitude, tables.frequency, limits, sums, lanes, 0, n_bins, 0, 1, 0)
    for lane in range(lanes):
        total = sums[0, lane]
        limits[1, lane] = tables.rolloff_percent[0] * total
        limits[0, lane] = sums[1, lane] / (total if total >= _TINY else np.float32(1))
    counts[:] = 0
    _fold_counts(width, magnitude, tables.frequency, limits, counts, lanes, 0, n_bins, 0, 1, 0)
    bin_hz = tables.frequency[1]
    for lane in range(lanes):
        total = sums[0, lane]
        counts[0, lane] = np.sqrt(counts[0, lane] / (total if total >= _TINY else np.float32(1)))
        counts[1, lane] *= bin_hz
    n_frames, partial = tables.n_frames, scratch.partial
    mean_and_variance(limits[0], n_frames, partial, features, tables.centroid_column)
    mean_and_variance(counts[0], n_frames, partial, features, tables.bandwidth_column)
    mean_and_variance(counts[1], n_frames, partial, features, tables.rolloff_column)
