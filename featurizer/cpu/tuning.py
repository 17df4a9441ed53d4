"""Turns a magnitude spectrogram into its tuning, in hundredths of a semitone."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.spec import FeatureSpec
from featurizer.tables import A0_HZ, N_TUNINGS, PEAK_SHARE, pitch_bins, tuning_edges

_CELL_BITS: Final = 12
"""Mantissa bits that a cell of pitches spans: 1/2048 of an octave at the most, less than a bin's 1/1200."""
_SHARE: Final = np.float32(PEAK_SHARE)
_HALF: Final = np.float32(0.5)


class TuningTables(NamedTuple):
    """Constants of `tuning_index`.

    Attributes
    ----------
    first, end : int
        First bin in which pitches are looked for, and the one after the last.
    bin_hz : numpy.ndarray, shape [2], float64
        Sample rate in Hz and frame length in samples: their ratio is the step between bins.
    n_frames : int
        Number of frames.
    first_cell : int
        Number of the first cell: the bits of its least pitch (float32), shifted.
    cell_bin : numpy.ndarray, shape [n_cells], int64, in [0, 99]
        Histogram bin of each cell's least pitch.
    cell_edge : numpy.ndarray, shape [n_cells], float32, Hz
        From this pitch on the bin is the next one; infinite where the whole cell lies in one bin.
    """

    first: int
    end: int
    bin_hz: NDArray[np.float64]
    n_frames: int
    first_cell: int
    cell_bin: NDArray[np.int64]
    cell_edge: NDArray[np.float32]


class TuningScratch(NamedTuple):
    """Working memory of `tuning_index`.

    Attributes
    ----------
    flags : numpy.ndarray, shape [lanes], uint8
        Which frames have a peak in the bin that is looked at.
    words : numpy.ndarray, shape [lanes / 8], uint64
        The same memory, eight frames at once.
    limit : numpy.ndarray, shape [lanes], float32, power
        What a peak of the frame must exceed.
    pitch, height, ordered : numpy.ndarray, shape [n], float32, Hz and power
        Of the peaks, in the order they are found; heights to be put in order.
    counts : numpy.ndarray, shape [100], int64
        The histogram.
    """

    flags: NDArray[np.uint8]
    words: NDArray[np.uint64]
    limit: NDArray[np.float32]
    pitch: NDArray[np.float32]
    height: NDArray[np.float32]
    ordered: NDArray[np.float32]
    counts: NDArray[np.int64]


def tuning_tables(spec: FeatureSpec) -> TuningTables:
    """Build the map from pitch to histogram bin.

    librosa rounds a pitch's semitones to single precision, in numpy's own way, before it counts them, and a
    fifth of all windows have two equal top bins. So each bin's first pitch is looked for among all float32
    numbers with numpy's own logarithm: the map then agrees with it to the bit, and costs no logarithm.
    """
    first, end = pitch_bins(spec)
    bin_hz = spec.sample_rate / spec.n_fft
    # Peaks lie at most one bin beside the bins in which they are looked for.
    least = np.array([(first - 1) * bin_hz], dtype=np.float32).view(np.int32)[0] >> _CELL_BITS
    last = np.array([end * bin_hz], dtype=np.float32).view(np.int32)[0] >> _CELL_BITS
    begin = np.arange(least, last + 1, dtype=np.int32) << _CELL_BITS
    stop = begin + (1 << _CELL_BITS)
    bins = histogram_bins(begin.view(np.float32), n_chroma=spec.n_chroma)
    # The bin changes once in a cell at the most: bisect between its first and its last number.
    low, high = begin.copy(), stop - 1
    changes = histogram_bins(high.view(np.float32), n_chroma=spec.n_chroma) != bins
    for _ in range(_CELL_BITS):
        middle = low + (high - low) // 2
        same = histogram_bins(middle.view(np.float32), n_chroma=spec.n_chroma) == bins
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    edge = np.where(changes, high.view(np.float32), np.float32(np.inf))
    return TuningTables(
        first=first,
        end=end,
        bin_hz=np.array([spec.sample_rate, spec.n_fft], dtype=np.float64),
        n_frames=spec.n_frames,
        first_cell=int(least),
        cell_bin=bins,
        cell_edge=edge.astype(np.float32),
    )


def histogram_bins(pitch: NDArray[np.float32], *, n_chroma: int) -> NDArray[np.int64]:
    """Give the tuning bin of each pitch, as ``librosa.pitch_tuning`` 0.11 rounds and counts them.

    Parameters
    ----------
    pitch : numpy.ndarray, shape [n], float32, Hz
    n_chroma : int
        Semitones an octave.

    Returns
    -------
    numpy.ndarray, shape [n], int64, in [0, 99]
    """
    semitones = np.float32(n_chroma) * np.log2(pitch / np.float32(A0_HZ))
    deviation = semitones - np.floor(semitones)
    deviation = np.where(deviation >= _HALF, deviation - np.float32(1), deviation)
    bins: NDArray[np.int64] = np.searchsorted(tuning_edges(), deviation.astype(np.float64), side="right") - 1
    return bins


def tuning_scratch(spec: FeatureSpec) -> TuningScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    first, end = pitch_bins(spec)
    # No two neighbouring bins are both peaks.
    most = ((end - first) // 2 + 1) * spec.n_frames
    flags = aligned_zeros(lanes, dtype=np.uint8)
    return TuningScratch(
        flags=flags,
        words=flags.view(np.uint64),
        limit=aligned_zeros(lanes, dtype=np.float32),
        pitch=np.zeros(most, dtype=np.float32),
        height=np.zeros(most, dtype=np.float32),
        ordered=np.zeros(most, dtype=np.float32),
        counts=np.zeros(N_TUNINGS, dtype=np.int64),
    )


@kernel
def tuning_index(
    magnitude: NDArray[np.float32],
    peak: NDArray[np.float32],
    tables: TuningTables,
    scratch: TuningScratch,
) -> int:
    """Find the tuning as ``librosa.estimate_tuning(S=power)`` 0.11 does.

    Parameters
    ----------
    magnitude : numpy.ndarray, shape [at least n_bins, lanes], float32, at least 0
        Columns from ``n_frames`` on hold zeros.
    peak : numpy.ndarray, shape [lanes], float32
        Largest magnitude of each frame: ``SpectralScratch.sums[2]``.
    tables : TuningTables
    scratch : TuningScratch

    Returns
    -------
    int
        Index into `featurizer.tables.tuning_edges`, in [0, 99]; the bin that holds 0 where there is no pitch.
    """
    limit = scratch.limit
    for lane in range(len(limit)):
        limit[lane] = _SHARE * (peak[lane] * peak[lane])
    n_peaks = 0
    for row in range(tables.first, tables.end):
        _mark_peaks(magnitude, row, scratch)
        n_peaks = _collect(magnitude, row, n_peaks, tables, scratch)
    if n_peaks == 0:
        return N_TUNINGS // 2
    median = _median(scratch.height, n_peaks, scratch.ordered)
    counts = scratch.counts
    counts[:] = 0
    for index in range(n_peaks):
        if scratch.height[index] >= median:
            counts[_histogram_bin(scratch.pitch[index], index, tables, scratch)] += 1
    best = 0
    for index in range(1, N_TUNINGS):
        # Equal counts: the lowest bin wins, as in numpy.argmax.
        if counts[index] > counts[best]:
            best = index
    return best


@kernel
def _mark_peaks(magnitude: NDArray[np.float32], row: int, scratch: TuningScratch) -> None:
    before, here, after = magnitude[row - 1], magnitude[row], magnitude[row + 1]
    flags, limit = scratch.flags, scratch.limit
    for lane in range(len(flags)):
        left, middle, right = before[lane], here[lane], after[lane]
        left, middle, right = left * left, middle * middle, right * right
        flags[lane] = (middle > limit[lane]) & (middle > left) & (middle >= right)


@kernel
def _collect(
    magnitude: NDArray[np.float32], row: int, n_peaks: int, tables: TuningTables, scratch: TuningScratch
) -> int:
    """Refine a row's peaks by parabolas, as ``librosa.piptrack`` does."""
    sample_rate, n_fft = tables.bin_hz
    for word in range(len(scratch.words)):
        if scratch.words[word] == 0:
            continue
        for lane in range(8 * word, 8 * word + 8):
            if scratch.flags[lane] == 0:
                continue
            before, here, after = magnitude[row - 1, lane], magnitude[row, lane], magnitude[row + 1, lane]
            before, here, after = before * before, here * here, after * after
            # librosa widens to double only after the single-precision sum and difference.
            curvature = np.float64(after + before) - 2.0 * np.float64(here)
            slope = np.float64(after - before) / 2.0
            shift = np.float32(-slope / curvature) if abs(slope) < abs(curvature) else np.float32(0)
            scratch.height[n_peaks] = here + _HALF * ((after - before) / np.float32(2)) * shift
            scratch.pitch[n_peaks] = np.float32((row + np.float64(shift)) * sample_rate / n_fft)
            n_peaks += 1
    return n_peaks


@kernel
def _histogram_bin(pitch: np.float32, index: int, tables: TuningTables, scratch: TuningScratch) -> int:
    bits = scratch.pitch.view(np.int32)[index]
    cell = (bits >> _CELL_BITS) - tables.first_cell
    result = tables.cell_bin[cell]
    if pitch >= tables.cell_edge[cell]:
        result += 1
        if result == N_TUNINGS:
            result = 0
    return int(result)


@kernel
def _median(values: NDArray[np.float32], n: int, ordered: NDArray[np.float32]) -> float:
    """Give the median of the first `n` values, rounded as numpy rounds the mean of the middle two."""
    for index in range(n):
        ordered[index] = values[index]
    upper = _select(ordered, n, n // 2)
    if n % 2:
        return float(upper)
    lower = ordered[0]
    for index in range(n // 2):
        lower = max(lower, ordered[index])
    return float((np.float32(lower) + np.float32(upper)) / np.float32(2))


@kernel
def _select(values: NDArray[np.float32], n: int, rank: int) -> float:
    """Partition in place (Hoare's quickselect): what comes before `rank` is not greater than it."""
    left, right = 0, n - 1
    while left < right:
        pivot = values[rank]
        low, high = left, right
        while low <= high:
            while values[low] < pivot:
                low += 1
            while pivot < values[high]:
                high -= 1
            if low <= high:
                values[low], values[high] = values[high], values[low]
                low += 1
                high -= 1
        if high < rank:
            left = low
        if rank < low:
            right = high
    return float(values[rank])
