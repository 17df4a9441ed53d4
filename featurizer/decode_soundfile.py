"""Turns MP3, FLAC, WAV and AIFF, and excerpts of Ogg Vorbis, into blocks of samples, by libsndfile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import numpy as np
import soundfile

from featurizer.endings import Length
from featurizer.pcm import AudioInfo, PcmBlock, is_plausible
from featurizer.source import Source

# 0.13 MB of stereo, which fits a core's cache: decoding and resampling are as fast as in longer blocks
# (within 2%), and the passes over a block are faster. Blocks of many channels are made shorter.
_BLOCK_FRAMES = 16_384
_BLOCK_SAMPLES = 2 * _BLOCK_FRAMES

# libsndfile gives the largest 64-bit number for FLAC streams that do not say how long they are, and seeking
# in these fails: FFmpeg reads them. 2**40 frames are 100 days at 128 kHz.
_MOST_FRAMES = 2**40

# libmpg123 estimates the length of an MP3 without a frame count from its first bit rate; 0.2% too long was
# seen at a constant bit rate.
_ESTIMATE_SLACK = 0.02

_CODECS: Mapping[str, str] = {
    "MPEG_LAYER_I": "mp1",
    "MPEG_LAYER_II": "mp2",
    "MPEG_LAYER_III": "mp3",
    "VORBIS": "vorbis",
    "OPUS": "opus",
    "PCM_S8": "pcm_s8",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "MS_ADPCM": "adpcm_ms",
    "IMA_ADPCM": "adpcm_ima_wav",
}
_ONE_BYTE_CODECS = ("pcm_s8", "pcm_u8", "pcm_mulaw", "pcm_alaw")

# Seconds before an excerpt from which to decode. MP3 frames overlap the one before and borrow bits from up to
# 511 bytes before them (an eighth of a second at the lowest bit rate), 255 under 32 kHz (a quarter of one).
# Vorbis blocks overlap. FLAC's frames and plain samples stand for themselves; ADPCM's depend on all before.
_SETTLE_SECONDS: Mapping[str, float] = {"mp3": 0.25, "vorbis": 0.25, "flac": 0.0}
_SETTLE_SECONDS_OF_SLOW_MP3 = 0.6
_LEAST_RATE_OF_FAST_MP3 = 32_000  # Hz


class _StraightFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file whose reads do not end in a seek.

    soundfile seeks to where it already is after each read of a seekable file, and MP3 then decodes some
    frames again: 34 ms a 30-second song in blocks of 65,536 frames, 40 in blocks of 16,384, 68 in blocks of
    4,096; without the seek 32 to 33 in all of them. `seek` itself asks libsndfile, not this.
    """

    def seekable(self) -> bool:
        """Say no, so that `buffer_read_into` does not seek."""
        return False


class SoundFileDecoder:
    """A file that libsndfile has opened; see `featurizer.pcm.Decoder`.

    Parameters
    ----------
    file : soundfile.SoundFile
        Closed by `close`.
    length : Length
        Whether libsndfile knows or only estimates the number of frames, and whether more may follow.

    Attributes
    ----------
    info : AudioInfo
    ended_early : bool
        libsndfile reported damage, or stopped before the last frame that it had announced.
    frames_read : int
        Frames (one sample of each channel) given so far.
    length : Length
    seekable_frames : int or None
        Length in frames where `blocks_from` can begin anywhere; None where the length is not certain or the
        codec knows no exact places.
    settle_seconds : float
        How long before the samples that are wanted decoding must begin for them to be exact.
    """

    def __init__(self, file: soundfile.SoundFile, *, length: Length) -> None:
        self._file = file
        self.length = length
        self.ended_early = False
        self.frames_read = 0
        self.info = AudioInfo(
            codec=_codec_of(file),
            sample_rate=file.samplerate,
            channels=file.channels,
            duration_seconds=file.frames / file.samplerate,
        )
        self.settle_seconds = _SETTLE_SECONDS.get(self.info.codec, 0.0)
        if self.info.codec == "mp3" and self.info.sample_rate < _LEAST_RATE_OF_FAST_MP3:
            self.settle_seconds = _SETTLE_SECONDS_OF_SLOW_MP3
        is_exact = self.info.codec in _SETTLE_SECONDS or self.info.codec.startswith("pcm_")
        is_certain = length.is_declared and not length.hides_more
        self.seekable_frames = file.frames if is_exact and is_certain else None

    def blocks(self) -> Iterator[PcmBlock]:
        """Decode to the end, or to the first damage that libsndfile cannot pass.

        Yields
        ------
        PcmBlock
            Float samples; integer formats are divided by their full scale, which is exact up to 24 bits. All
            blocks lie in the same memory, one after another.
        """
        channels = self.info.channels
        block_frames = max(min(_BLOCK_FRAMES, _BLOCK_SAMPLES // channels), 1)
        samples = np.empty((block_frames, channels), dtype=np.float32)
        while True:
            try:
                n_frames = self._file.buffer_read_into(samples, dtype="float32")
            except soundfile.SoundFileError:
                # The frames of this block are lost with the count of them.
                self.ended_early = True
                return
            if n_frames <= 0:
                break
            self.frames_read += n_frames
            yield PcmBlock(samples=samples[:n_frames], sample_rate=self.info.sample_rate)
        slack = 0.0 if self.length.is_declared else _ESTIMATE_SLACK * self._file.frames
        self.ended_early = self.frames_read < self._file.frames - slack

    def blocks_from(self, frame: int) -> Iterator[PcmBlock]:
        """Decode from a frame on, as `blocks` does; nothing comes where libsndfile cannot go there."""
        try:
            if self._file.seek(frame) != frame:
                return
        except (soundfile.SoundFileError, RuntimeError):
            return
        yield from self.blocks()

    def close(self) -> None:
        """Free libsndfile's handle."""
        self._file.close()


def open_with_soundfile(source: Source, *, length: Length, start: int = 0) -> SoundFileDecoder | None:
    """Open a source by its content, or give None where libsndfile refuses it or cannot tell its length.

    Parameters
    ----------
    source : Source
    length : Length
        What the container says of it.
    start : int
        Bytes to leave out at the start.
    """
    try:
        file = _StraightFile(_handle_for(source, start=start))
    except (soundfile.SoundFileError, ValueError):
        return None
    if not 0 < file.frames < _MOST_FRAMES or not is_plausible(
        sample_rate=file.samplerate, channels=file.channels
    ):
        file.close()
        return None
    return SoundFileDecoder(file, length=length)


def _handle_for(source: Source, *, start: int) -> object:
    """Give a descriptor where there is one: libsndfile then reads without passing through Python."""
    if source.descriptor is None:
        return source.reader(start=start)
    descriptor = os.dup(source.descriptor)
    os.lseek(descriptor, start, os.SEEK_SET)
    return descriptor


def _codec_of(file: soundfile.SoundFile) -> str:
    if file.format == "FLAC":
        return "flac"
    subtype = str(file.subtype)
    codec = _CODECS.get(subtype, subtype.lower())
    if not codec.startswith("pcm_") or codec in _ONE_BYTE_CODECS:
        return codec
    is_big_endian = file.format == "AIFF" and file.endian != "LITTLE"
    return codec + ("be" if is_big_endian or file.endian == "BIG" else "le")
