"""Turns AAC, M4A, Opus, WMA and whatever else FFmpeg knows into blocks of samples, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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

# Refusing a packet takes 40 us, and a damaged header can cut a file into packets of four bytes. So many
# packets are more than a minute of any codec: no track goes on after such a hole.
_MOST_REFUSED_IN_A_ROW = 5_000

# Value of full scale for each of FFmpeg's integer formats; unsigned bytes lie around 128. PyAV has no arrays
# of 64-bit integers.
_FULL_SCALE: Mapping[str, float] = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}

# PyAV 17 looks for the null pointer after a frame's planes. With eight and more there is none: it reads
# memory that is not the frame's, and the process dies.
_PLANES_WITHOUT_END = 8

_SAMPLE_FORMATS = (*_FULL_SCALE, "flt", "dbl")


@dataclass(frozen=True, slots=True)
class _Gathering:
    """Frames of one format that wait to be a block."""

    format: tuple[int, int, str]
    fifo: av.AudioFifo


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
        gathering: _Gathering | None = None
        for frame in self._frames():
            # The queue does not look at the number of channels, and would read beyond a frame of fewer.
            frame_format = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
            if gathering is not None and gathering.format != frame_format:
                yield from self._drain(gathering)
                gathering = None
            if gathering is None:
                if not _is_readable(*frame_format):
                    self.n_damaged += 1
                    continue
                gathering = _Gathering(frame_format, av.AudioFifo())
            frame.pts = None  # else the queue insists on time stamps without gaps
            gathering.fifo.write(frame)
            self.n_decoded += 1
            self._decoded_seconds += frame.samples / frame.sample_rate
            if gathering.fifo.samples >= _BLOCK_FRAMES:
                yield from self._drain(gathering)
        if gathering is not None:
            yield from self._drain(gathering)
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

    def _drain(self, gathering: _Gathering) -> Iterator[PcmBlock]:
        """Give what the queue holds as one block, if it holds anything that can be read."""
        frame = gathering.fifo.read()
        if frame is None:
            return
        sample_rate, channels, _ = gathering.format
        try:
            samples = _samples_of(frame, channels=channels)
        except (av.FFmpegError, ValueError):
            self.n_damaged += 1
            return
        yield PcmBlock(samples=samples, sample_rate=sample_rate)

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
    _forget_layout(stream)
    # One thread a file: tracks are decoded beside each other, and results must not depend on timing.
    stream.codec_context.thread_count = 1
    if stream.codec_context.name == "flac":
        # Else a frame whose checksum is wrong is played all the same: a burst of noise at full scale.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
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


def _forget_layout(stream: av.AudioStream) -> None:
    """Keep the number of channels and drop which loudspeaker each is for, which an average need not know.

    PyAV 17 frees the table of an unusual order (right before left, in CAF and MOV) each time that it shows
    the layout, and the process dies at the second. It is shown once here, then replaced before any frame
    has it.
    """
    n_channels = stream.codec_context.channels
    if n_channels > 0:
        stream.codec_context.layout = f"{n_channels} channels"


def _duration_of(container: InputContainer, stream: av.AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _is_readable(sample_rate: int, channels: int, sample_format: str) -> bool:
    return sample_format.removesuffix("p") in _SAMPLE_FORMATS and is_plausible(
        sample_rate=sample_rate, channels=channels
    )


def _samples_of(frame: av.AudioFrame, *, channels: int) -> NDArray[np.float32]:
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
    full_scale = _FULL_SCALE.get(sample_format)
    with np.errstate(over="ignore"):
        floats = samples.astype(np.float32, copy=False)
    if full_scale is None:
        return floats
    middle = np.float32(full_scale if sample_format == "u8" else 0.0)
    return (floats - middle) * np.float32(1.0 / full_scale)
