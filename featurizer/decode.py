"""Turns an encoded audio file into mono blocks at the spec's sample rate: the one door to every decoder.

| content | decoder | why |
|---|---|---|
| MP3, FLAC, WAV, AIFF | soundfile (libsndfile) | fastest |
| AAC/M4A, Opus, Vorbis, WMA, all else | PyAV (FFmpeg) | fastest, or the only one that reads them |

CPU time of one core for 30 s of real music, 44.1-kHz stereo, in ms: interleaved, best of seven on a busy
machine, channel average and soxr HQ (6 to 10 ms) included, with libsndfile 1.2.2 and FFmpeg 8:

|  | MP3 | FLAC | WAV | AIFF | Vorbis | Opus | AAC |
|---|---|---|---|---|---|---|---|
| soundfile | **43** | **58** | **18** | **24** | 79 | 310 | cannot |
| PyAV | 55 | 62 | 50 | 28 | **52** | **153** | **52** |

The choice follows the content, never the file's name. What soundfile refuses, PyAV tries; where soundfile
stops before the end (damage, a change of format, a second stream), PyAV goes on from the same frame.
Excerpts of Vorbis come from soundfile: it goes to any sample exactly, FFmpeg's time stamps may be off.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from featurizer.decode_av import AvDecoder, open_with_av
from featurizer.decode_soundfile import SoundFileDecoder, open_with_soundfile
from featurizer.endings import Length, is_cut, mp3_length, ogg_ending
from featurizer.errors import CorruptAudioError, EmptyFileError, NotAudioError
from featurizer.excerpts import read_excerpt
from featurizer.levels import LevelMeter
from featurizer.pcm import AudioInfo, Decoder, PcmBlock, is_plausible
from featurizer.resample import StreamResampler
from featurizer.sniff import Sniffed, sniff
from featurizer.source import AudioFile, Source
from featurizer.spec import GTZAN57, FeatureSpec

__all__ = ["AudioInfo", "AudioStream", "open_audio"]


class AudioStream:
    """One track while it is decoded. Made by `open_audio`; a context manager.

    One thread at a time; `blocks` may block on the file. After `close` nothing may be read.

    Attributes
    ----------
    info : AudioInfo
        As the container says.
    levels : LevelMeter
        What was measured on the samples so far.
    size_bytes : int
        Length of the encoded file.
    """

    def __init__(self, source: Source, decoder: Decoder, *, sniffed: Sniffed, spec: FeatureSpec) -> None:
        self._source = source
        self._decoder = decoder
        self._sniffed = sniffed
        self._spec = spec
        self._truncated = is_cut(source, sniffed)
        self.info = decoder.info
        self.levels = LevelMeter()
        self.size_bytes = source.size_bytes

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def truncated(self) -> bool:
        """Whether the file is shorter than it says, or a decoder has met its early end or damage so far."""
        return self._truncated

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode, average the channels and resample, once.

        Yields
        ------
        float32 array, shape [n], n > 0
            Mono at the spec's sample rate; full scale is 1.0, which lossy codecs overshoot. Any lengths.

        Raises
        ------
        NotAudioError
            When what looked like audio at first proves to be noise to the decoder.
        InvalidSamplesError
            When a sample is NaN or infinite.
        OSError, or whatever the file object raises
            When the file cannot be read.
        """
        resampler = StreamResampler(self._spec.sample_rate)
        for pcm in self._pcm_blocks():
            block = resampler.push(self.levels.downmix(pcm.samples), sample_rate=pcm.sample_rate)
            if len(block):
                self.levels.add_output(block)
                yield block
        rest = resampler.flush()
        if len(rest):
            self.levels.add_output(rest)
            yield rest

    def seekable_samples(self) -> int | None:
        """Give the track's length in samples at the spec's rate where `excerpt` can be used; None elsewhere.

        After this or `excerpt` comes `rewind` before `blocks` may be used.
        """
        frames = self._decoder.seekable_frames
        if frames is None or (self._sniffed.container == "ogg" and not self._is_one_stream()):
            return None
        return frames * self._spec.sample_rate // self.info.sample_rate

    def excerpt(self, start: int, *, into: NDArray[np.float32]) -> bool:
        """Fill an array with the samples from `start` on; `featurizer.excerpts` says the rest."""
        is_read = read_excerpt(
            self._decoder, start=start, into=into, sample_rate=self._spec.sample_rate, levels=self.levels
        )
        self._source.raise_failure()
        return is_read

    def rewind(self) -> None:
        """Open the file anew, for `blocks`; what `levels` has measured is forgotten.

        Raises
        ------
        AudioError, OSError
            As `open_audio` does.
        """
        self._decoder.close()
        self._decoder = _open_decoder(self._source, self._sniffed, seeking=False)
        self.levels = LevelMeter()

    def close(self) -> None:
        """Free the decoder; a file that `open_audio` opened by its path is closed."""
        self._decoder.close()
        self._source.close()

    def _is_one_stream(self) -> bool:
        return ogg_ending(self._source, self._sniffed.offset).is_one_stream

    def _pcm_blocks(self) -> Iterator[PcmBlock]:
        yield from self._decoder.blocks()
        self._source.raise_failure()
        self._truncated = self._truncated or self._decoder.ended_early
        if isinstance(self._decoder, SoundFileDecoder):
            if self._decoder.ended_early or self._decoder.length.hides_more:
                yield from self._resume_with_av(self._decoder)
        elif isinstance(self._decoder, AvDecoder) and not self._sniffed.is_certain:
            _refuse_noise(self._decoder)

    def _resume_with_av(self, stopped: SoundFileDecoder) -> Iterator[PcmBlock]:
        stopped.close()
        decoder = open_with_av(self._source)
        self._source.raise_failure()
        if decoder is None:
            return
        self._decoder = decoder
        found_more = False
        for block in _skip_frames(decoder.blocks(), n_frames=stopped.frames_read):
            found_more = True
            yield block
        self._source.raise_failure()
        if stopped.ended_early:
            # An estimated length proves nothing; FFmpeg's own verdict counts then.
            self._truncated = stopped.length.is_declared or decoder.ended_early
        elif found_more:
            self._truncated = decoder.ended_early


def open_audio(file: AudioFile, *, spec: FeatureSpec = GTZAN57, seeking: bool = False) -> AudioStream:
    """Open an encoded track for decoding.

    Parameters
    ----------
    file : path or seekable binary file object
        A file object stays open when the stream is closed.
    spec : FeatureSpec
        Its `sample_rate` is the output's.
    seeking : bool
        Whether excerpts will be asked for first: Vorbis then gets the decoder that seeks exactly.

    Returns
    -------
    AudioStream
        To be closed by the caller (`with`).

    Raises
    ------
    EmptyFileError
        When the file has no bytes.
    NotAudioError
        When no decoder knows the bytes (text, random bytes, pictures).
    NoAudioStreamError
        When the container is readable but holds no audio (a silent video).
    CorruptAudioError
        When the container's signature is there but no decoder can open it, or its numbers are absurd.
    OSError, or whatever the file object raises
        When the file cannot be read.
    """
    source = Source(file)
    try:
        if source.size_bytes == 0:
            raise EmptyFileError("file is empty: size_bytes=0")
        sniffed = sniff(source)
        decoder = _open_decoder(source, sniffed, seeking=seeking)
        return AudioStream(source, decoder, sniffed=sniffed, spec=spec)
    except BaseException:
        source.close()
        raise


def _open_decoder(source: Source, sniffed: Sniffed, *, seeking: bool) -> Decoder:
    decoder: Decoder | None = None
    if _is_for_soundfile(source, sniffed, seeking=seeking):
        decoder = _open_soundfile(source, sniffed)
    if decoder is None:
        decoder = open_with_av(source)
    source.raise_failure()
    if decoder is None and sniffed.is_certain:
        raise CorruptAudioError(
            f"no decoder can open this file: signature={sniffed.container}, size_bytes={source.size_bytes}"
        )
    if decoder is None:
        raise NotAudioError(f"file is not audio: no decoder knows its bytes, size_bytes={source.size_bytes}")
    info = decoder.info
    # Zero means that FFmpeg learns them from the first frame.
    if not is_plausible(sample_rate=info.sample_rate or 44_100, channels=info.channels or 1):
        decoder.close()
        raise CorruptAudioError(
            f"header is absurd: sample_rate={info.sample_rate}, channels={info.channels}, codec={info.codec}"
        )
    return decoder


def _is_for_soundfile(source: Source, sniffed: Sniffed, *, seeking: bool) -> bool:
    if sniffed.container == "ogg_vorbis":
        # libsndfile plays only the first of several streams.
        return seeking and ogg_ending(source, sniffed.offset).is_one_stream
    return sniffed.container in ("mp3", "flac", "wav", "aiff")


def _open_soundfile(source: Source, sniffed: Sniffed) -> SoundFileDecoder | None:
    if sniffed.container != "mp3":
        return open_with_soundfile(source, length=Length(is_declared=True, hides_more=False))
    # libsndfile gives up on junk and padding before the first frame: leave out all that stands before it.
    return open_with_soundfile(source, length=mp3_length(source, sniffed.offset), start=sniffed.offset)


def _refuse_noise(decoder: AvDecoder) -> None:
    """Random bytes hold frame headers by chance: what decodes between them is noise, not a track."""
    if decoder.n_damaged > decoder.n_decoded:
        raise NotAudioError(
            f"file is not audio: decoded_frames={decoder.n_decoded}, refused_packets={decoder.n_damaged}"
        )


def _skip_frames(blocks: Iterator[PcmBlock], *, n_frames: int) -> Iterator[PcmBlock]:
    for block in blocks:
        if n_frames >= len(block.samples):
            n_frames -= len(block.samples)
        else:
            yield PcmBlock(samples=block.samples[n_frames:], sample_rate=block.sample_rate)
            n_frames = 0
