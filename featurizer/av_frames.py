"""Turns a frame that FFmpeg decoded, of whatever format, into an array of float samples."""

from __future__ import annotations

from collections.abc import Mapping

import av
import numpy as np
from numpy.typing import NDArray

from featurizer.pcm import is_plausible

# Value of full scale for each of FFmpeg's integer formats; unsigned bytes lie around 128. PyAV has no arrays
# of 64-bit integers.
_FULL_SCALE: Mapping[str, float] = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}

# PyAV 17 looks for the null pointer after a frame's planes. With eight and more there is none: it reads
# memory that is not the frame's, and the process dies.
_PLANES_WITHOUT_END = 8

_SAMPLE_FORMATS = (*_FULL_SCALE, "flt", "dbl")


def is_readable(sample_rate: int, channels: int, sample_format: str) -> bool:
    """Whether `samples_of` can read frames of FFmpeg's format of this name, and the numbers make sense."""
    return sample_format.removesuffix("p") in _SAMPLE_FORMATS and is_plausible(
        sample_rate=sample_rate, channels=channels
    )


def samples_of(frame: av.AudioFrame, *, channels: int) -> NDArray[np.float32]:
    """Give a frame's samples, float32 [n, channels]; integer formats are divided by their full scale.

    Raises
    ------
    av.FFmpegError, ValueError
        The frame is not of the format that it says.
    """
    if frame.format.is_planar and channels >= _PLANES_WITHOUT_END:
        frame = _interleave(frame)
    array = frame.to_ndarray()
    samples = array.T if frame.format.is_planar else array.reshape(-1, channels)
    return _as_float(samples, frame.format.packed.name)


def _interleave(frame: av.AudioFrame) -> av.AudioFrame:
    """Bring the channels into one plane, sample by sample, all values as they are."""
    converted = av.AudioResampler(format=frame.format.packed).resample(frame)
    if len(converted) != 1 or converted[0].samples != frame.samples:
        raise ValueError(f"frame was not converted whole: samples={frame.samples}, frames={len(converted)}")
    return converted[0]


def _as_float(samples: NDArray[np.generic], sample_format: str) -> NDArray[np.float32]:
    if sample_format == "flt":  # FFmpeg's own of AAC, Opus and Vorbis
        return np.asarray(samples, dtype=np.float32)
    full_scale = _FULL_SCALE.get(sample_format)
    with np.errstate(over="ignore"):
        floats = samples.astype(np.float32, copy=False)
    if full_scale is None:
        return floats
    middle = np.float32(full_scale if sample_format == "u8" else 0.0)
    return (floats - middle) * np.float32(1.0 / full_scale)
