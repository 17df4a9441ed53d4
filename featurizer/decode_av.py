"""Turns AAC, M4A, Opus, WMA and whatever else FFmpeg knows into blocks of samples, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import av
from av.container import InputContainer

from featurizer.av_frames import is_readable, samples_of
from featurizer.errors import AudioError, CorruptAudioError, NoAudioStreamError
from featurizer.pcm import AudioInfo, PcmBlock
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

# After a hole Ogg's demuxer fails once and goes on behind it; others fail at the same place for ever.
_MOST_LOST_IN_A_ROW = 20

# Containers that say of each packet which sample it begins with, and the codecs that begin anew within a
# quarter of a second (Opus: RFC 7845 asks for 0.08 s, and after 0.25 s 1.5e-5 of full scale is left; AAC: two
# frames; ALAC: none). Others say milliseconds (Matroska, ASF), or nothing (ADTS). What libsndfile reads it
# also seeks.
_SEEKABLE: Mapping[str, tuple[str, ...]] = {"mov": ("aac", "alac"), "ogg": ("opus",)}
_SETTLE_SECONDS = 0.25


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
    settle_seconds : float
        How long before the samples that are wanted decoding must begin for them to be those of `blocks`.
        AAC's noise substitution (PNS; FFmpeg's encoder uses it) draws other noise after a seek, which moves
        features of real music by up to 0.02 standard deviations (twenty windows of four minutes).
    """

    settle_seconds = _SETTLE_SECONDS

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
        yield from self._gather(self._frames())
        self.ended_early = self.n_damaged > 0 or self._is_shorter_than_declared()

    @property
    def seekable_frames(self) -> int | None:
        """Length in frames where `blocks_from` can begin at any.

        Asking decodes a frame: `blocks` must not follow.
        """
        codecs = [_SEEKABLE[name] for name in self.container_format.split(",") if name in _SEEKABLE]
        stream, sample_rate = self._stream, self.info.sample_rate
        is_exact = sample_rate > 0 and stream.time_base == Fraction(1, sample_rate)
        if not codecs or self.info.codec not in codecs[0] or not is_exact or stream.duration is None:
            return None
        first = next(self._frames(), None)
        if first is None or first.pts != 0 or first.sample_rate != sample_rate:
            return None
        return stream.duration

    def blocks_from(self, frame: int) -> Iterator[PcmBlock]:
        """Decode from a frame on, as `blocks` does; ends where a packet is missing or misplaced."""
        try:
            self._container.seek(frame, stream=self._stream)
        except av.FFmpegError:
            return
        frames = self._frames_in_step()
        first = next(frames, None)
        if first is None or first.pts is None or first.pts > frame:
            return
        skip = frame - first.pts
        for block in self._gather(chain((first,), frames)):
            if skip < len(block.samples):
                yield PcmBlock(samples=block.samples[skip:], sample_rate=block.sample_rate)
            skip = max(skip - len(block.samples), 0)

    def _frames_in_step(self) -> Iterator[av.AudioFrame]:
        """Give frames as long as each begins where the one before ends."""
        due: int | None = None
        n_damaged = self.n_damaged
        for frame in self._frames():
            if frame.pts is None or due not in (None, frame.pts):
                return
            if self.n_damaged > n_damaged or frame.sample_rate != self.info.sample_rate:
                return
            due = frame.pts + frame.samples
            yield frame

    def _gather(self, frames: Iterator[av.AudioFrame]) -> Iterator[PcmBlock]:
        gathering: _Gathering | None = None
        for frame in frames:
            # The queue does not look at the number of channels, and would read beyond a frame of fewer.
            frame_format = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
            if gathering is not None and gathering.format != frame_format:
                yield from self._drain(gathering)
                gathering = None
            if gathering is None:
                if not is_readable(*frame_format):
                    self.n_damaged += 1
                    continue
                gathering = _Gathering(frame_format, av.AudioFifo())
            frame.pts = None  # else the queue insists on time stamps without gaps
            gathering.fifo.write(frame)
            self.n_decoded += 1
            if gathering.fifo.samples >= _BLOCK_FRAMES:
                yield from self._drain(gathering)
        if gathering is not None:
            yield from self._drain(gathering)

    def close(self) -> None:
        """Free FFmpeg's handles."""
        self._container.close()

    def _frames(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._stream)
        decode = self._stream.decode
        # FFmpeg also marks the last, partly filled packet of PCM whose header does not tell its length.
        is_pcm = self.info.codec.startswith("pcm_")
        refused_in_a_row = lost_in_a_row = 0
        while refused_in_a_row < _MOST_REFUSED_IN_A_ROW and lost_in_a_row < _MOST_LOST_IN_A_ROW:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self.n_damaged += 1
                lost_in_a_row += 1
                packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            try:
                frames = decode(packet)
            except av.FFmpegError:
                self.n_damaged += 1
                refused_in_a_row += 1
                continue
            refused_in_a_row = lost_in_a_row = 0
            if packet.is_corrupt and not is_pcm:
                self.n_damaged += 1
            yield from frames

    def _drain(self, gathering: _Gathering) -> Iterator[PcmBlock]:
        """Give what the queue holds as one block, if it holds anything that can be read."""
        frame = gathering.fifo.read()
        if frame is None:
            return
        sample_rate, channels, _ = gathering.format
        self._decoded_seconds += frame.samples / sample_rate
        try:
            samples = samples_of(frame, channels=channels)
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
