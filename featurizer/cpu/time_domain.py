"""Turns samples into loudness (RMS) and zero-crossing rate, frame by frame, without a spectrum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import fast_kernel, kernel
from featurizer.cpu.statistics import mean_and_variance, partial_sums
from featurizer.spec import FeatureSpec
from featurizer.tables import ZERO_THRESHOLD

N_PARTIAL = 32
"""Sums of squares that run side by side in one hop."""


class TimeDomainTables(NamedTuple):
    """Constants of `time_domain`.

    Attributes
    ----------
    hop_length, n_fft : int
        Step and length of a frame in samples; the length is an even number of steps.
    n_frames : int
        Number of frames.
    threshold : numpy.ndarray, shape [1], float32
        Samples below it count as negative.
    rms_column, crossing_column : int
        Where the means go.
    """

    hop_length: int
    n_fft: int
    n_frames: int
    threshold: NDArray[np.float32]
    rms_column: int
    crossing_column: int


class TimeDomainScratch(NamedTuple):
    """Working memory of `time_domain`: per hop of the padded window, per frame, and for sums."""

    energy: NDArray[np.float64]
    crossings: NDArray[np.int64]
    first_crosses: NDArray[np.int64]
    squares: NDArray[np.float32]
    rms: NDArray[np.float64]
    rate: NDArray[np.float64]
    partial: NDArray[np.float64]


def time_domain_tables(spec: FeatureSpec) -> TimeDomainTables:
    """Build the constants from the framing.

    Raises
    ------
    ValueError
        If half a frame is not a whole number of steps.
    """
    if spec.n_fft % (2 * spec.hop_length):
        found = f"n_fft={spec.n_fft} hop_length={spec.hop_length}"
        raise ValueError(f"n_fft must be an even multiple of hop_length: {found}")
    return TimeDomainTables(
        hop_length=spec.hop_length,
        n_fft=spec.n_fft,
        n_frames=spec.n_frames,
        threshold=np.array([-ZERO_THRESHOLD], dtype=np.float32),
        rms_column=spec.feature_names.index("rms_mean"),
        crossing_column=spec.feature_names.index("zero_crossing_rate_mean"),
    )


def time_domain_scratch(spec: FeatureSpec) -> TimeDomainScratch:
    """Allocate the working memory."""
    n_hops = spec.n_frames + spec.n_fft // spec.hop_length
    return TimeDomainScratch(
        energy=np.zeros(n_hops),
        crossings=np.zeros(n_hops, dtype=np.int64),
        first_crosses=np.zeros(n_hops, dtype=np.int64),
        squares=np.zeros(N_PARTIAL, dtype=np.float32),
        rms=np.zeros(spec.n_frames),
        rate=np.zeros(spec.n_frames),
        partial=partial_sums(),
    )


@kernel
def time_domain(
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
    n_samples = len(window)
    n_hops = (n_samples + hop - 1) // hop
    scratch.energy[:] = 0.0
    scratch.crossings[:] = 0
    scratch.first_crosses[:] = 0
    for index in range(n_hops):
        start = index * hop
        end = min(start + hop, n_samples)
        scratch.energy[lead + index] = _energy(window, start, end, scratch.squares)
        first = _crosses(window, start, tables.threshold[0]) if start > 0 else 0
        scratch.first_crosses[lead + index] = first
        inner = _crossings(window, start + 1, end, tables.threshold[0])
        scratch.crossings[lead + index] = inner + first
    for frame in range(tables.n_frames):
        energy = 0.0
        crossings = 0
        for index in range(frame, frame + hops_per_frame):
            energy += scratch.energy[index]
            crossings += scratch.crossings[index]
        # A frame does not see the sample before its first, so the first never counts.
        crossings -= scratch.first_crosses[frame]
        scratch.rms[frame] = np.sqrt(energy / tables.n_fft)
        scratch.rate[frame] = crossings / tables.n_fft
    mean_and_variance(scratch.rms, tables.n_frames, scratch.partial, features, tables.rms_column)
    mean_and_variance(scratch.rate, tables.n_frames, scratch.partial, features, tables.crossing_column)


@kernel
def _crosses(window: NDArray[np.float32], index: int, threshold: np.float32) -> int:
    return int((window[index] < threshold) != (window[index - 1] < threshold))


@kernel
def _crossings(window: NDArray[np.float32], start: int, end: int, threshold: np.float32) -> int:
    count = np.int32(0)
    here = window[start:end]
    before = window[start - 1 : end - 1]
    for index in range(len(here)):
        count += np.int32((here[index] < threshold) != (before[index] < threshold))
    return int(count)


@fast_kernel
def _energy(window: NDArray[np.float32], start: int, end: int, squares: NDArray[np.float32]) -> float:
    """Sum the squares of samples `start` to `end`: at most 16 a sum in single, the sums in double."""
    whole = start + (end - start) // N_PARTIAL * N_PARTIAL
    squares[:] = 0
    for block in range(start, whole, N_PARTIAL):
        for lane in range(N_PARTIAL):
            sample = window[block + lane]
            squares[lane] += sample * sample
    total = 0.0
    for lane in range(N_PARTIAL):
        total += squares[lane]
    for index in range(whole, end):
        total += np.float64(window[index]) * window[index]
    return total
