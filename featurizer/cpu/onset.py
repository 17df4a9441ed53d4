"""Turns log-mel spectrograms into onset strength: the median rise over all mels, frame by frame.

All frames of a vector are sorted at once by a network: 16 rows at a time in registers, then two sorted lists
into one, twice. Of the last two lists of 64 only the middle two values are wanted: the largest of the 64
least and the least of the 64 largest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.cpu.sorting_network import Exchange, merging_network, sorting_network
from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, vector_operation
from featurizer.spec import FeatureSpec

_N_MELS: Final = 128
"""Rows that the network sorts."""
_LIST: Final = 16
"""Rows that are sorted at once: they fit the registers."""


class OnsetScratch(NamedTuple):
    """Working memory of `median_rise`.

    Attributes
    ----------
    rise : numpy.ndarray, shape [n_mels, lanes], float32, dB
        By how much the next frame is louder; sorted piece by piece.
    median : numpy.ndarray, shape [lanes], float32, dB
        The median rise from each frame to the next.
    """

    rise: NDArray[np.float32]
    median: NDArray[np.float32]


def onset_scratch(spec: FeatureSpec) -> OnsetScratch:
    """Allocate the working memory.

    Raises
    ------
    ValueError
        If there are not 128 mels.
    """
    if spec.n_mels != _N_MELS:
        raise ValueError(f"the CPU back end takes the median of {_N_MELS} mels only: n_mels={spec.n_mels}")
    lanes = layout_of(spec).lanes
    return OnsetScratch(
        rise=aligned_zeros(_N_MELS, lanes, dtype=np.float32), median=aligned_zeros(lanes, dtype=np.float32)
    )


def _exchanging(n: int, network: Sequence[Exchange]) -> Callable[..., None]:
    """Compile exchanges of `n` rows into an operation on one vector of lanes."""

    def exchange(e: Emitter, rows: Memory, start: Value, pitch: Value) -> None:
        value = [e.load(rows, e.at(start, pitch, row)) for row in range(n)]
        for low, high in network:
            value[low], value[high] = e.minimum(value[low], value[high]), e.maximum(value[low], value[high])
        for row in range(n):
            e.store(value[row], rows, e.at(start, pitch, row))

    return vector_operation(exchange)


_sort_list = _exchanging(_LIST, sorting_network(_LIST))
_merge_two = _exchanging(2 * _LIST, merging_network(2 * _LIST))
_merge_four = _exchanging(4 * _LIST, merging_network(4 * _LIST))


@vector_operation
def _middle(e: Emitter, rows: Memory, start: Value, pitch: Value, median: Memory, lane: Value) -> None:
    """Write the mean of the middle two of two sorted halves."""
    half = _N_MELS // 2
    lower: Value = None
    upper: Value = None
    for index in range(half):
        first = e.load(rows, e.at(start, pitch, index))
        second = e.load(rows, e.at(start, pitch, _N_MELS - 1 - index))
        least, largest = e.minimum(first, second), e.maximum(first, second)
        lower = least if index == 0 else e.maximum(lower, least)
        upper = largest if index == 0 else e.minimum(upper, largest)
    e.store(e.multiply(e.add(lower, upper), e.constant(0.5, lower)), median, lane)


@kernel
def median_rise(
    width: Width,
    decibels: NDArray[np.float32],
    delay: int,
    scratch: OnsetScratch,
    strength: NDArray[np.float32],
) -> None:
    """Write ``librosa.onset.onset_strength(aggregate=numpy.median)`` (0.11), aligned to the onsets.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    decibels : numpy.ndarray, shape [128, lanes], float32, dB
    delay : int
        By how many frames onsets are shifted, at least 1.
    scratch : OnsetScratch
    strength : numpy.ndarray, shape [n_frames], float32, dB
        Gets the median over mels of what each frame is louder than the one before, 0 for the first `delay`.
    """
    rise, median = scratch.rise, scratch.median
    lanes = rise.shape[1]
    for mel in range(_N_MELS):
        here, after, row = decibels[mel], decibels[mel, 1:], rise[mel]
        for lane in range(lanes - 1):
            row[lane] = max(after[lane] - here[lane], np.float32(0))
    for lane in range(0, lanes, len(width)):
        for mel in range(0, _N_MELS, _LIST):
            _sort_list(width, rise, mel * lanes + lane, lanes)
        for mel in range(0, _N_MELS, 2 * _LIST):
            _merge_two(width, rise, mel * lanes + lane, lanes)
        for mel in range(0, _N_MELS, 4 * _LIST):
            _merge_four(width, rise, mel * lanes + lane, lanes)
        _middle(width, rise, lane, lanes, median, lane)
    strength[:delay] = 0
    for frame in range(delay, len(strength)):
        strength[frame] = median[frame - delay]
