"""Turns samples into loudness (RMS) and zero-crossing rate, frame by frame, without a spectrum."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.statistics import mean_and_variance, partial_sums
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation
from featurizer.spec import FeatureSpec
from featurizer.tables import ZERO_THRESHOLD

_N_SUMS: Final = 32
"""Sums that run side by side over a hop, however wide the vectors are, so that all widths round alike."""
_THRESHOLD: Final = np.float32(-ZERO_THRESHOLD)
"""Samples below it count as negative."""


class TimeDomainTables(NamedTuple):
    """Constants of `time_domain`.

    Attributes
    ----------
    hop_length, n_fft : int
        Step and length of a frame in samples; the length is an even number of steps.
    n_frames : int
        Number of frames.
    rms_column, crossing_column : int
        Where the means go.
    """

    hop_length: int
    n_fft: int
    n_frames: int
    rms_column: int
    crossing_column: int


class TimeDomainScratch(NamedTuple):
    """Working memory of `time_domain`.

    Attributes
    ----------
    energy, crossings, last_crosses : numpy.ndarray, shape [n_hops], float32
        For each hop of the padded window the sum of its squares, how often the sign changes from one of its
        samples to the next, and whether it does so after its last one.
    rms, rate : numpy.ndarray, shape [n_frames], float64
        The features of each frame.
    partial : numpy.ndarray, shape [16], float64
        For sums.
    """

    energy: NDArray[np.float32]
    crossings: NDArray[np.float32]
    last_crosses: NDArray[np.float32]
    rms: NDArray[np.float64]
    rate: NDArray[np.float64]
    partial: NDArray[np.float64]


def time_domain_tables(spec: FeatureSpec) -> TimeDomainTables:
    """Build the constants from the framing.

    Raises
    ------
    ValueError
        If half a frame is not a whole number of steps, or a step is not a multiple of 32 samples.
    """
    if spec.n_fft % (2 * spec.hop_length) or spec.hop_length % _N_SUMS:
        found = f"n_fft={spec.n_fft} hop_length={spec.hop_length}"
        raise ValueError(f"n_fft must be an even multiple of hop_length, and that one of {_N_SUMS}: {found}")
    return TimeDomainTables(
        hop_length=spec.hop_length,
        n_fft=spec.n_fft,
        n_frames=spec.n_frames,
        rms_column=spec.feature_names.index("rms_mean"),
        crossing_column=spec.feature_names.index("zero_crossing_rate_mean"),
    )


def time_domain_scratch(spec: FeatureSpec) -> TimeDomainScratch:
    """Allocate the working memory."""
    n_hops = spec.n_frames + spec.n_fft // spec.hop_length
    return TimeDomainScratch(
        energy=np.zeros(n_hops, dtype=np.float32),
        crossings=np.zeros(n_hops, dtype=np.float32),
        last_crosses=np.zeros(n_hops, dtype=np.float32),
        rms=np.zeros(spec.n_frames),
        rate=np.zeros(spec.n_frames),
        partial=partial_sums(),
    )


@kernel
def time_domain(
    width: Width,
    window: NDArray[np.float32],
    tables: TimeDomainTables,
    scratch: TimeDomainScratch,
    features: NDArray[np.float64],
) -> None:
    """Write mean and variance of RMS and zero-crossing rate, as ``librosa.feature`` 0.11 frames them.

    RMS pads the window with zeros, the zero-crossing rate with its edge samples, which never cross. Each hop
    is read once; a frame adds up its hops.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    window : numpy.ndarray, shape [window_samples], float32, C-contiguous, finite
    tables : TimeDomainTables
    scratch : TimeDomainScratch
    features : numpy.ndarray, shape [width], float64
        Gets four values.
    """
    hop = tables.hop_length
    hops_per_frame = tables.n_fft // hop
    # Frame 0 is centred on sample 0: half of its hops lie before the window.
    lead = hops_per_frame // 2
    energy, crossings, last_crosses = scratch.energy, scratch.crossings, scratch.last_crosses
    energy[:] = 0
    crossings[:] = 0
    last_crosses[:] = 0
    n_samples = len(window)
    # What has no sample after it is not a whole hop.
    n_whole = (n_samples - 1) // hop
    for index in range(n_whole):
        end = (index + 1) * hop
        _sum_hop(width, window, index * hop, hop // _N_SUMS, energy, crossings, lead + index)
        last_crosses[lead + index] = (window[end - 1] < _THRESHOLD) != (window[end] < _THRESHOLD)
    _sum_rest(window[n_whole * hop :], energy, crossings, lead + n_whole)
    for frame in range(tables.n_frames):
        total, changes = np.float64(0), np.float64(0)
        for index in range(hops_per_frame):
            total += energy[frame + index]
            changes += crossings[frame + index]
        # A frame sees no sample after its last.
        changes -= last_crosses[frame + hops_per_frame - 1]
        scratch.rms[frame] = np.sqrt(total / tables.n_fft)
        scratch.rate[frame] = changes / tables.n_fft
    mean_and_variance(scratch.rms, tables.n_frames, scratch.partial, features, tables.rms_column)
    mean_and_variance(scratch.rate, tables.n_frames, scratch.partial, features, tables.crossing_column)


@vector_operation
def _sum_hop(
    e: Emitter,
    window: Memory,
    start: Value,
    n_blocks: Value,
    energy: Memory,
    crossings: Memory,
    hop: Value,
) -> None:
    """Sum the squares of a hop and count its sign changes, the one into the next hop included."""
    builder = e.builder
    vectors = range(_N_SUMS // e.width)
    zero = ir.Constant(ir.VectorType(window.element, e.width), None)
    squares = [cgutils.alloca_once_value(builder, zero) for _ in vectors]
    changes = [cgutils.alloca_once_value(builder, zero) for _ in vectors]
    for slot in (*squares, *changes):
        builder.store(zero, slot)
    threshold = e.constant(float(_THRESHOLD), zero)
    one = e.constant(1.0, zero)
    with cgutils.for_range(builder, n_blocks) as loop:
        block = builder.add(start, builder.mul(loop.index, e.index(_N_SUMS)))
        for vector in vectors:
            here = e.load(window, e.offset(block, vector * e.width))
            after = e.load(window, e.offset(block, vector * e.width + 1))
            builder.store(e.multiply_add(here, here, builder.load(squares[vector])), squares[vector])
            changed = builder.xor(
                builder.fcmp_ordered("<", here, threshold), builder.fcmp_ordered("<", after, threshold)
            )
            count = builder.load(changes[vector])
            builder.store(builder.select(changed, e.add(count, one), count), changes[vector])
    for slots, target in ((squares, energy), (changes, crossings)):
        total = _sum_lanes(e, [builder.load(slot) for slot in slots])
        builder.store(total, builder.gep(target.pointer, [hop]))


def _sum_lanes(e: Emitter, vectors: list[Value]) -> Value:
    """Add up all lanes of all vectors, one half to the other, again and again."""
    while len(vectors) > 1:
        half = len(vectors) // 2
        vectors = [e.add(vectors[index], vectors[half + index]) for index in range(half)]
    (total,) = vectors
    n = e.width
    while n > 1:
        n //= 2
        total = e.add(e.shuffle(total, total, range(n)), e.shuffle(total, total, range(n, 2 * n)))
    return e.builder.extract_element(total, ir.Constant(ir.IntType(32), 0))


@kernel
def _sum_rest(
    samples: NDArray[np.float32], energy: NDArray[np.float32], crossings: NDArray[np.float32], hop: int
) -> None:
    """Do the same for what is left after the last whole hop, at most a hop."""
    total, changes = np.float64(0), 0
    for index in range(len(samples)):
        total += np.float64(samples[index]) * samples[index]
    for index in range(1, len(samples)):
        changes += (samples[index - 1] < _THRESHOLD) != (samples[index] < _THRESHOLD)
    energy[hop] = total
    crossings[hop] = changes
