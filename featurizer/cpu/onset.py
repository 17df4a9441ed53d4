"""Turns log-mel spectrograms into onset strength: the median rise over all mels, frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.spec import FeatureSpec


class OnsetScratch(NamedTuple):
    """Working memory of `onset_strength`.

    Attributes
    ----------
    rise : numpy.ndarray, shape [n_mels, lanes], float32, dB
        By how much the next frame is louder.
    bits : numpy.ndarray, shape [n_mels, lanes], int32
        The same memory as integers, in the same order: nothing is negative.
    lower, upper, n_below, trial : numpy.ndarray, shape [lanes], int32
        The middle two values of each frame as integers, and what finds them.
    """

    rise: NDArray[np.float32]
    bits: NDArray[np.int32]
    lower: NDArray[np.int32]
    upper: NDArray[np.int32]
    n_below: NDArray[np.int32]
    trial: NDArray[np.int32]


def onset_scratch(spec: FeatureSpec) -> OnsetScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    rise = aligned_zeros(spec.n_mels, lanes, dtype=np.float32)
    return OnsetScratch(
        rise,
        rise.view(np.int32),
        *(np.zeros(lanes, dtype=np.int32) for _ in range(4)),
    )


@kernel
def median_rise(
    decibels: NDArray[np.float32], scratch: OnsetScratch, strength: NDArray[np.float32], delay: int
) -> None:
    """Write ``librosa.onset.onset_strength(aggregate=numpy.median)`` (0.11), aligned to the onsets.

    Parameters
    ----------
    decibels : numpy.ndarray, shape [n_mels, lanes], float32, dB
    scratch : OnsetScratch
    strength : numpy.ndarray, shape [n_frames], float32, dB
        Gets the median over mels of what each frame is louder than the one before, 0 for the first `delay`.
    delay : int
        By how many frames onsets are shifted, at least 1.
    """
    n_mels, lanes = decibels.shape
    for mel in range(n_mels):
        for lane in range(lanes - 1):
            scratch.rise[mel, lane] = max(decibels[mel, lane + 1] - decibels[mel, lane], np.float32(0))
    _bisect(scratch, n_mels, lanes)
    lower, upper = scratch.lower.view(np.float32), scratch.upper.view(np.float32)
    strength[:delay] = 0
    for frame in range(delay, len(strength)):
        strength[frame] = (lower[frame - delay] + upper[frame - delay]) / np.float32(2)


@kernel
def _bisect(scratch: OnsetScratch, n_mels: int, lanes: int) -> None:
    """Find the middle two values of each lane, bit by bit from the top."""
    bits, lower, upper = scratch.bits, scratch.lower, scratch.upper
    count, trial = scratch.n_below, scratch.trial
    below = (n_mels - 1) // 2
    lower[:] = 0
    for bit in range(30, -1, -1):
        for lane in range(lanes):
            count[lane] = 0
            trial[lane] = lower[lane] | np.int32(1 << bit)
        for mel in range(n_mels):
            for lane in range(lanes):
                count[lane] += np.int32(bits[mel, lane] < trial[lane])
        for lane in range(lanes):
            lower[lane] = trial[lane] if count[lane] <= below else lower[lane]
    count[:] = 0
    upper[:] = np.int32(0x7FFFFFFF)
    for mel in range(n_mels):
        for lane in range(lanes):
            value = bits[mel, lane]
            count[lane] += np.int32(value <= lower[lane])
            upper[lane] = min(upper[lane], value if value > lower[lane] else np.int32(0x7FFFFFFF))
    for lane in range(lanes):
        if count[lane] > n_mels // 2:
            upper[lane] = lower[lane]
