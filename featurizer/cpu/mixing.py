"""Turns decoded samples into mono, their count at full scale and their peak, in one pass over a block.

NumPy does each of these at the same speed, but in AVX-512, for which many CPUs lower their clock for some
milliseconds: three short passes a block made all that libmpg123 and soxr did between them a tenth slower.
What numba makes of these loops keeps to vectors of 256 bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel

FULL_SCALE: Final = np.float32(0.9999)
"""Full scale is 1: the three outermost steps of 16 bits; 8 bits and lossy codecs reach or overshoot it."""

_HALF: Final = np.float32(0.5)
_MAGNITUDE: Final = np.int32(0x7FFF_FFFF)
"""Bits of a float32 but for its sign. As integers magnitudes keep their order, infinity and NaN above all."""


@kernel
def mix_interleaved(samples: NDArray[np.float32], mono: NDArray[np.float32]) -> int:
    """Average the channels of frames that lie one after another, and count samples at full scale.

    Parameters
    ----------
    samples : numpy.ndarray, shape [n, channels], float32, C-contiguous
        Full scale is 1.0.
    mono : numpy.ndarray, shape [n], float32
        Written: the channels added in their order, divided by their number.

    Returns
    -------
    int
        How many samples of all channels are of `FULL_SCALE` or more, NaN not among them.
    """
    channels = samples.shape[1]
    if channels == 2:
        for frame in range(len(samples)):
            mono[frame] = (samples[frame, 0] + samples[frame, 1]) * _HALF
    else:
        for frame in range(len(samples)):
            total = samples[frame, 0]
            for channel in range(1, channels):
                total += samples[frame, channel]
            mono[frame] = total / np.float32(channels)
    return count_full_scale(samples.reshape(-1))


@kernel
def mix_planar(planes: NDArray[np.float32], mono: NDArray[np.float32]) -> int:
    """Average channels that each lie in one piece, and count samples at full scale.

    Parameters
    ----------
    planes : numpy.ndarray, shape [channels, n], float32, C-contiguous
        Full scale is 1.0.
    mono : numpy.ndarray, shape [n], float32
        Written, as by `mix_interleaved`.

    Returns
    -------
    int
        As `mix_interleaved` gives it.
    """
    channels = len(planes)
    for sample in range(len(mono)):
        mono[sample] = planes[0, sample]
    for channel in range(1, channels):
        for sample in range(len(mono)):
            mono[sample] += planes[channel, sample]
    for sample in range(len(mono)):
        mono[sample] /= np.float32(channels)
    return count_full_scale(planes.reshape(-1))


@kernel
def count_full_scale(samples: NDArray[np.float32]) -> int:
    """Count the samples of `FULL_SCALE` or more in magnitude.

    Parameters
    ----------
    samples : numpy.ndarray, flat, float32, C-contiguous, fewer than 2**31
    """
    # 32 bits: as many counters to a vector as there are samples.
    count = np.int32(0)
    for index in range(samples.size):
        count = np.int32(count + np.int32(abs(samples[index]) >= FULL_SCALE))
    return int(count)


@kernel
def peak_of(block: NDArray[np.float32]) -> float:
    """Give the greatest magnitude; NaN where any sample is NaN, else infinity where any is infinite.

    Parameters
    ----------
    block : numpy.ndarray, shape [n], float32, C-contiguous
        0 where it is empty.
    """
    bits = block.view(np.int32)
    greatest = np.int32(0)
    for index in range(bits.size):
        greatest = max(greatest, np.int32(bits[index] & _MAGNITUDE))
    peak = np.int32(greatest)
    return float(peak.view(np.float32))
