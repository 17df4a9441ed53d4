"""Turns a place in a track into its samples there, those that decoding the whole gives, by seeking."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from featurizer.levels import LevelMeter
from featurizer.pcm import Decoder
from featurizer.resample import StreamResampler

# Seconds of input that the resampler must have seen for its output to be that of a stream from the track's
# start: white noise of every usual rate from 8 to 192 kHz then differs by 5e-7 at most (full scale is 1).
# With half of it 8 kHz differs by 3e-5. Rates with no small ratio differ more: 44,101 Hz by 2e-5.
_RESAMPLER_SETTLE_SECONDS = 0.02


def read_excerpt(
    decoder: Decoder, *, start: int, into: NDArray[np.float32], sample_rate: int, levels: LevelMeter
) -> bool:
    """Fill an array with the mono samples from `start` on.

    Decoding begins early enough that decoder and resampler have settled, and at a source frame that lies
    exactly on an output sample, so that the resampler's phase is that of the whole track.

    Parameters
    ----------
    decoder : Decoder
        One that can seek.
    start : int
        Samples at `sample_rate` from the track's start.
    into : float32 array, shape [n]
        Is filled.
    sample_rate : int
        Of the output, in Hz.
    levels : LevelMeter
        Is shown what is decoded.

    Returns
    -------
    bool
        False where the decoder cannot go there, is damaged there, or ends before: `into` is then undefined.

    Raises
    ------
    InvalidSamplesError
        When a sample is NaN or infinite.
    """
    source_rate = decoder.info.sample_rate
    divisor = gcd(source_rate, sample_rate)
    settle = round((decoder.settle_seconds + _RESAMPLER_SETTLE_SECONDS) * sample_rate)
    # Output samples that lie on a source frame are so many apart.
    step = sample_rate // divisor
    begin = max(start - settle, 0) // step * step
    resampler = StreamResampler(sample_rate)
    position = begin - start
    for pcm in decoder.blocks_from(begin // step * (source_rate // divisor)):
        if pcm.sample_rate != source_rate:
            return False
        mono = levels.downmix(pcm.samples)
        position = _copy(resampler.push(mono, sample_rate=source_rate), into, position)
        if position == len(into):
            break
    else:
        position = _copy(resampler.flush(), into, position)
    if position < len(into):
        return False
    levels.add_output(into)
    return True


def _copy(block: NDArray[np.float32], into: NDArray[np.float32], position: int) -> int:
    """Write a block from a position on, negative before the array's start, and give where it ends."""
    end = min(position + len(block), len(into))
    first = max(position, 0)
    if end > first:
        into[first:end] = block[first - position : end - position]
    return end
