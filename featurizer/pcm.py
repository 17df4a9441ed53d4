"""Names what a decoder turns a file into: a description and blocks of samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MIN_SAMPLE_RATE = 1_000
"""Hz. Below it a header is damaged: nobody records music so."""

MAX_SAMPLE_RATE = 768_000
"""Hz. The highest rate that recorders for sale write."""

MAX_CHANNELS = 64
"""Seventh-order ambisonics; more in a header means damage."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a container says of its audio; decoding may show otherwise.

    Attributes
    ----------
    codec : str
        FFmpeg's short name: `mp3`, `aac`, `flac`, `vorbis`, `opus`, `wmav2`, `pcm_s16le` and so on.
    sample_rate : int
        Hz, before resampling.
    channels : int
    duration_seconds : float or None
        None where the container does not say.
    """

    codec: str
    sample_rate: int
    channels: int
    duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class PcmBlock:
    """A decoded piece of a stream.

    Attributes
    ----------
    samples : float32 array, shape [n, channels]
        Full scale is 1.0; lossy codecs overshoot it. Theirs until the next block is asked for: decoders use
        the same memory again.
    sample_rate : int
        Hz, of this block: it may change within a stream.
    """

    samples: NDArray[np.float32]
    sample_rate: int


class Decoder(Protocol):
    """A file that one library has opened. One thread at a time; reading may block on the file.

    Attributes
    ----------
    info : AudioInfo
    ended_early : bool
        True once the library reported damage, or the audio ended before the container says.
    seekable_frames : int or None
        Length in frames where `blocks_from` can begin at any of them; None where the whole must be decoded.
    settle_seconds : float
        How long before the samples that are wanted decoding must begin for them to be those of `blocks`.
    """

    info: AudioInfo
    ended_early: bool
    settle_seconds: float

    @property
    def seekable_frames(self) -> int | None:
        """See the class."""

    def blocks(self) -> Iterator[PcmBlock]:
        """Decode to the end; library errors end the iteration and set `ended_early`."""
        ...

    def blocks_from(self, frame: int) -> Iterator[PcmBlock]:
        """Decode from a frame on; ends before it gives any where the library cannot go there exactly."""
        ...

    def close(self) -> None:
        """Free the library's handle; the file itself stays open."""
        ...


def is_plausible(*, sample_rate: int, channels: int) -> bool:
    """Whether these numbers can be a recording's, and not a damaged header's."""
    return MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE and 1 <= channels <= MAX_CHANNELS
