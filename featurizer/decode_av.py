"""Turns AAC, M4A, Opus, WMA and whatever else FFmpeg knows into blocks of samples, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from featurizer.errors import AudioError, CorruptAudioError, NoAudioStreamError
from featurizer.pcm import AudioInfo, PcmBlock, is_plausible
from featurizer.source import Source

# Containers of audio and video only. Among FFmpeg's others are play lists (HLS, DASH, concat), which would
# read files and addresses of the uploader's choice, and pictures, which are no audio.
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tak,tta,w64,wav,wv"
)
_OPTIONS: Mapping[str, str] = {
    "format_whitelist": _FORMATS,
    "protocol_whitelist": "none",  # nothing but the bytes given: no second file, no network
}
_READ_BYTES = 65_536

# Durations that the file tells; FFmpeg guesses the others from the bit rate.
_FORMATS_WITH_DURATION = ("aiff", "asf", "caf", "flac", "matroska", "mov", "ogg", "w64", "wav")
_DURATION_SLACK_SECONDS = 0.25  # encoder delay, and ASF's rounding to whole packets

# Frames hold some 1,000 samples; NumPy and soxr cost less for each sample in blocks of this length.
_BLOCK_FRAMES = 16_384

# Refusing a packet takes 40 us, and a damaged header can cut a file into packets of four bytes. So many packets
# are more than a minute of any codec: no track goes on after such a hole.
_MOST_REFUSED_IN_A_ROW = 5_000

# Value of full scale for each of FFmpeg's integer formats; unsigned bytes lie around 128. PyAV has no arrays
# of 64-bit integers.
_FULL_SCALE: Mapping[str, float] = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}
_SAMPLE_FORMATS = (*_FULL_SCALE, "flt", "dbl")


@dataclass(frozen=True, slots=True)
class _Layout:
    """What must not change within a block."""

    sample_rate: int
    channels: int
    sample_format: str
    is_planar: bool


@dataclass(slots=True)
class _Gathered:
    """Frames of one layout that wait to be a block."""

    layout: _Layout
    arrays: list[NDArray[np.generic]] = field(default_factory=list)
    n_frames: int = 0


class AvDecoder:
    """A file that FFmpeg has opened; see `featurizer.pcm.Decoder`.

    Parameters
    ----------
    container : av.container.InputContainer
        Closed by `close`.
    stream : av.AudioStream
        The one to decode.

    Attributes
    ----------
    info : AudioInfo
    ended_early : bool
        FFmpeg reported damage, or the audio is shorter than the header says.
    container_format : str
        FFmpeg's name of the container.
    n_decoded, n_damaged : int
        Frames decoded and packets refused so far.
    """

    def __init__(self, container: InputContainer, stream: av.AudioStream) -> None:
        self._container = container
        self._stream = stream
        self.container_format = container.format.name
        self.ended_early = False
        self.n_decoded = 0
        self.n_damaged = 0
        self._decoded_seconds = 0.0
        codec = stream.codec_context
        self.info = AudioInfo(
            codec=codec.codec.canonical_name,
            sample_rate=codec.sample_rate,
            channels=codec.channels,
            duration_seconds=_duration_of(container, stream),
        )

    def blocks(self) -> Iterator[PcmBlock]:
        """Decode to the end, passing over damaged packets.

        Yields
        ------
        PcmBlock
            Float samples, integer formats divided by their full scale; never of two sample rates or channel
            counts in one block.
        """
        gathered: _Gathered | None = None
        for frame in self._frames():
            layout = _layout_of(frame)
            if not _is_readable(layout):
                self.n_damaged += 1
                continue
            if gathered is not None and (gathered.layout != layout or gathered.n_frames >= _BLOCK_FRAMES):
                yield _block_of(gathered)
                gathered = None
            gathered = gathered or _Gathered(layout)
            gathered.arrays.append(frame.to_ndarray())
            gathered.n_frames += frame.samples
            self.n_decoded += 1
            self._decoded_seconds += frame.samples / layout.sample_rate
        if gathered is not None:
            yield _block_of(gathered)
        self.ended_early = self.n_damaged > 0 or self._is_shorter_than_declared()

    def close(self) -> None:
        """Free FFmpeg's handles."""
        self._container.close()

    def _frames(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._stream)
        refused_in_a_row = 0
        while refused_in_a_row < _MOST_REFUSED_IN_A_ROW:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                # The demuxer is lost and cannot be resumed.
                self.n_damaged += 1
                return
            if packet is None:
                return
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError:
                self.n_damaged += 1
                refused_in_a_row += 1
                continue
            refused_in_a_row = 0
            # FFmpeg also marks the last, partly filled packet of PCM whose header does not tell its length.
            self.n_damaged += packet.is_corrupt and not self.info.codec.startswith("pcm_")
            yield from frames

    def _is_shorter_than_declared(self) -> bool:
        names = self.container_format.split(",")
        declared = self.info.duration_seconds
        if declared is None or not any(name in names for name in _FORMATS_WITH_DURATION):
            return False
        return self._decoded_seconds < declared - _DURATION_SLACK_SECONDS


def open_with_av(source: Source) -> AvDecoder | None:
    """Open a source by its content and choose its audio stream, or give None where FFmpeg refuses it.

    Parameters
    ----------
    source : Source

    Raises
    ------
    NoAudioStreamError
        When FFmpeg reads the container but it holds no audio.
    CorruptAudioError
        When it holds audio of a codec that FFmpeg does not know: damaged, encrypted or very rare.
    """
    try:
        container = av.open(
            source.reader(),
            mode="r",
            options=dict(_OPTIONS),
            metadata_errors="replace",
            buffer_size=_READ_BYTES,
        )
    except (av.FFmpegError, ValueError):
        return None
    try:
        stream = _choose_stream(container)
    except AudioError:
        container.close()
        raise
    # One thread a file: tracks are decoded beside each other, and results must not depend on timing.
    stream.codec_context.thread_count = 1
    return AvDecoder(container, stream)


def _choose_stream(container: InputContainer) -> av.AudioStream:
    if not container.streams.audio:
        kinds = ", ".join(sorted({other.type for other in container.streams})) or "none"
        raise NoAudioStreamError(
            f"file holds no audio stream: container={container.format.name}, streams={kinds}"
        )
    best = container.streams.best("audio")
    stream = best if isinstance(best, av.AudioStream) else container.streams.audio[0]
    codec: object = stream.codec_context  # PyAV's types leave out that it may be missing
    if codec is None:
        raise CorruptAudioError(f"no decoder for the audio in this file: container={container.format.name}")
    return stream


def _duration_of(container: InputContainer, stream: av.AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _layout_of(frame: av.AudioFrame) -> _Layout:
    return _Layout(
        sample_rate=frame.sample_rate,
        channels=frame.layout.nb_channels,
        sample_format=frame.format.name.removesuffix("p"),
        is_planar=frame.format.is_planar,
    )


def _is_readable(layout: _Layout) -> bool:
    return layout.sample_format in _SAMPLE_FORMATS and is_plausible(
        sample_rate=layout.sample_rate, channels=layout.channels
    )


def _block_of(gathered: _Gathered) -> PcmBlock:
    layout = gathered.layout
    joined = np.concatenate(gathered.arrays, axis=1)
    samples = joined.T if layout.is_planar else joined.reshape(-1, layout.channels)
    return PcmBlock(samples=_as_float(samples, layout.sample_format), sample_rate=layout.sample_rate)


def _as_float(samples: NDArray[np.generic], sample_format: str) -> NDArray[np.float32]:
    full_scale = _FULL_SCALE.get(sample_format)
    with np.errstate(over="ignore"):
        floats = samples.astype(np.float32, copy=False)
    if full_scale is None:
        return floats
    middle = np.float32(full_scale if sample_format == "u8" else 0.0)
    return (floats - middle) * np.float32(1.0 / full_scale)
