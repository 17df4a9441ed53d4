"""Turns a magnitude spectrogram into its tuning, in hundredths of a semitone."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import TILE, aligned_zeros, layout_of
from featurizer.cpu.selection import median_of
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation
from featurizer.pitches import pitch_limits, pitch_step
from featurizer.spec import FeatureSpec
from featurizer.tables import N_TUNINGS, PEAK_SHARE, pitch_bins

_FRAME_BITS: Final = 16
_FRAME_MASK: Final = (1 << _FRAME_BITS) - 1
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
    limit : numpy.ndarray, shape [lanes], float32, power
        What a peak of the frame must exceed.
    place : numpy.ndarray, shape [n], int32
        Peaks in the order they are found: the bin times 65,536, plus the frame.
    n_peaks : numpy.ndarray, shape [1], int64
        Number of peaks.
    before, here, after : numpy.ndarray, shape [n], float32
        Magnitude beside and at each peak.
    pitch, height, ordered : numpy.ndarray, shape [n], float32, Hz and power
        Of the peaks; heights to be put in order.
    pitch_bits : numpy.ndarray, shape [n], int32
        The memory of `pitch` as integers.
    counts : numpy.ndarray, shape [100], int64
        The histogram.
    """

    limit: NDArray[np.float32]
    place: NDArray[np.int32]
    n_peaks: NDArray[np.int64]
    before: NDArray[np.float32]
    here: NDArray[np.float32]
    after: NDArray[np.float32]
    pitch: NDArray[np.float32]
    height: NDArray[np.float32]
    ordered: NDArray[np.float32]
    pitch_bits: NDArray[np.int32]
    counts: NDArray[np.int64]


def tuning_tables(spec: FeatureSpec) -> TuningTables:
    """Build the map from pitch to histogram bin.

    librosa rounds a pitch's semitones to single precision, in numpy's own way, before it counts them, and a
    fifth of all windows have two equal top bins. So each bin's first pitch is looked for among all float32
    numbers with numpy's own logarithm: the map then agrees with it to the bit, and costs no logarithm.
    """
    first, end = pitch_bins(spec)
    least, last = np.array(pitch_limits(spec), dtype=np.float32).view(np.int32) >> _CELL_BITS
    begin = np.arange(least, last + 1, dtype=np.int32) << _CELL_BITS
    stop = begin + (1 << _CELL_BITS)
    steps = pitch_step(begin.view(np.float32), n_chroma=spec.n_chroma)
    # The bin changes once in a cell at the most: bisect between its first and its last number.
    low, high = begin.copy(), stop - 1
    changes = pitch_step(high.view(np.float32), n_chroma=spec.n_chroma) != steps
    for _ in range(_CELL_BITS):
        middle = low + (high - low) // 2
        same = pitch_step(middle.view(np.float32), n_chroma=spec.n_chroma) == steps
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    edge = np.where(changes, high.view(np.float32), np.float32(np.inf))
    return TuningTables(
        first=first,
        end=end,
        bin_hz=np.array([spec.sample_rate, spec.n_fft], dtype=np.float64),
        n_frames=spec.n_frames,
        first_cell=int(least),
        cell_bin=steps % N_TUNINGS,
        cell_edge=edge.astype(np.float32),
    )


def tuning_scratch(spec: FeatureSpec) -> TuningScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    first, end = pitch_bins(spec)
    # No two neighbouring bins are both peaks.
    most = ((end - first) // 2 + 1) * spec.n_frames + TILE
    pitch = aligned_zeros(most, dtype=np.float32)
    return TuningScratch(
        limit=aligned_zeros(lanes, dtype=np.float32),
        place=aligned_zeros(most, dtype=np.int32),
        n_peaks=np.zeros(1, dtype=np.int64),
        before=aligned_zeros(most, dtype=np.float32),
        here=aligned_zeros(most, dtype=np.float32),
        after=aligned_zeros(most, dtype=np.float32),
        pitch=pitch,
        height=aligned_zeros(most, dtype=np.float32),
        ordered=aligned_zeros(most, dtype=np.float32),
        pitch_bits=pitch.view(np.int32),
        counts=np.zeros(N_TUNINGS, dtype=np.int64),
    )


@kernel
def tuning_index(
    width: Width,
    magnitude: NDArray[np.float32],
    peak: NDArray[np.float32],
    tables: TuningTables,
    scratch: TuningScratch,
) -> int:
    """Find the tuning as ``librosa.estimate_tuning(S=power)`` 0.11 does.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
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
    limit, n_peaks = scratch.limit, scratch.n_peaks
    lanes = len(limit)
    for lane in range(lanes):
        limit[lane] = _SHARE * (peak[lane] * peak[lane])
    n_peaks[0] = 0
    for lane in range(0, lanes, len(width)):
        _find_peaks(width, magnitude, lanes, lane, limit, tables.first, tables.end, scratch.place, n_peaks)
    n = n_peaks[0]
    if n == 0:
        return N_TUNINGS // 2
    _refine(magnitude, n, tables, scratch)
    median = median_of(scratch.height, n, scratch.ordered)
    return fullest_bin(median, n, tables, scratch)


@vector_operation
def _find_peaks(
    e: Emitter,
    magnitude: Memory,
    lanes: Value,
    lane: Value,
    limit: Memory,
    first: Value,
    end: Value,
    place: Memory,
    n_peaks: Memory,
) -> None:
    """Append the peaks of one vector: above the limit and the bin before, not below the bin after."""
    builder = e.builder
    limits = e.load(limit, lane)

    def power(row: Value) -> Value:
        value = e.load(magnitude, builder.add(builder.mul(row, lanes), lane))
        return e.multiply(value, value)

    before = cgutils.alloca_once_value(builder, power(builder.sub(first, e.index(1))))
    here = cgutils.alloca_once_value(builder, power(first))
    count = cgutils.alloca_once_value(builder, builder.load(n_peaks.pointer))
    with cgutils.for_range(builder, builder.sub(end, first)) as loop:
        row = builder.add(first, loop.index)
        after = power(builder.add(row, e.index(1)))
        middle = builder.load(here)
        is_peak = builder.and_(
            builder.and_(
                builder.fcmp_ordered(">", middle, limits),
                builder.fcmp_ordered(">", middle, builder.load(before)),
            ),
            builder.fcmp_ordered(">=", middle, after),
        )
        with builder.if_then(_is_any(e, is_peak), likely=False):
            start = builder.add(builder.mul(row, e.index(1 << _FRAME_BITS)), lane)
            _append(e, start, is_peak, place, count)
        builder.store(middle, before)
        builder.store(after, here)
    builder.store(builder.load(count), n_peaks.pointer)


def _is_any(e: Emitter, chosen: Value) -> Value:
    word = ir.IntType(e.width)
    return e.builder.icmp_unsigned("!=", e.builder.bitcast(chosen, word), word(0))


def _append(e: Emitter, start: Value, chosen: Value, target: Memory, count: Value) -> None:
    """Append ``start + lane`` for each chosen lane; `count` points to the number of elements so far."""
    builder = e.builder
    lane, word = ir.IntType(32), ir.IntType(e.width)
    kind = ir.VectorType(lane, e.width)
    first = e.splat(builder.trunc(start, lane), lane)
    numbers = builder.add(first, ir.Constant(kind, list(range(e.width))))
    done = builder.load(count)
    address = builder.gep(target.pointer, [done])
    compress = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [kind, address.type, chosen.type]),
        f"llvm.masked.compressstore.v{e.width}i32",
    )
    builder.call(compress, [numbers, address, chosen])
    mask = builder.zext(builder.bitcast(chosen, word), lane)
    builder.store(builder.add(done, builder.zext(builder.ctpop(mask), done.type)), count)


@kernel
def _refine(magnitude: NDArray[np.float32], n: int, tables: TuningTables, scratch: TuningScratch) -> None:
    """Refine peaks by parabolas, as ``librosa.piptrack`` does."""
    place, before, here, after = scratch.place, scratch.before, scratch.here, scratch.after
    for index in range(n):
        row, lane = place[index] >> _FRAME_BITS, place[index] & _FRAME_MASK
        before[index] = magnitude[row - 1, lane]
        here[index] = magnitude[row, lane]
        after[index] = magnitude[row + 1, lane]
    sample_rate, n_fft = tables.bin_hz
    height, pitch = scratch.height, scratch.pitch
    for index in range(n):
        left, middle, right = before[index], here[index], after[index]
        left, middle, right = left * left, middle * middle, right * right
        # librosa widens to double only after the single-precision sum and difference.
        curvature = np.float64(right + left) - 2.0 * np.float64(middle)
        slope = np.float64(right - left) / 2.0
        shift = np.float32(-slope / curvature) if abs(slope) < abs(curvature) else np.float32(0)
        height[index] = middle + _HALF * ((right - left) / np.float32(2)) * shift
        row = place[index] >> _FRAME_BITS
        pitch[index] = np.float32((np.float64(row) + np.float64(shift)) * sample_rate / n_fft)


@kernel
def fullest_bin(median: float, n: int, tables: TuningTables, scratch: TuningScratch) -> int:
    """Count the pitches that are not below the median height; of equal bins the lowest wins."""
    counts = scratch.counts
    counts[:] = 0
    for index in range(n):
        if scratch.height[index] >= median:
            cell = (scratch.pitch_bits[index] >> _CELL_BITS) - tables.first_cell
            found = tables.cell_bin[cell] + (scratch.pitch[index] >= tables.cell_edge[cell])
            counts[found if found < N_TUNINGS else 0] += 1
    best = 0
    for index in range(1, N_TUNINGS):
        if counts[index] > counts[best]:
            best = index
    return best
