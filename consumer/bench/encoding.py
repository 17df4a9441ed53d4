"""Turns any audio file into stereo samples at 44.1 kHz, and samples into encoded files, by FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from featurizer.errors import NotAudioError

SAMPLE_RATE: Final = 44_100
"""Hz: what people upload."""
BIT_RATE: Final = 128_000
"""Bits a second of the lossy formats."""
_OPUS_SAMPLE_RATE: Final = 48_000  # Hz; Opus knows five rates, and 44.1 kHz is none of them
_FRAME_SAMPLES: Final = 4_096

Stereo = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Format:
    """An encoded format: FFmpeg's names of container, codec, sample format and the codec's options."""

    suffix: str
    container: str
    codec: str
    sample_format: str
    sample_rate: int = SAMPLE_RATE
    options: Mapping[str, str] = field(default_factory=dict)


FORMATS: Final[dict[str, Format]] = {
    "mp3": Format(".mp3", "mp3", "libmp3lame", "fltp"),
    "m4a": Format(".m4a", "ipod", "aac", "fltp"),
    "opus": Format(".opus", "ogg", "libopus", "flt", _OPUS_SAMPLE_RATE),
    # FFmpeg's own Vorbis encoder calls itself experimental; what it writes is plain Vorbis.
    "vorbis": Format(".ogg", "ogg", "vorbis", "fltp", options={"strict": "-2"}),
    "flac": Format(".flac", "flac", "flac", "s16"),
    "wav": Format(".wav", "wav", "pcm_s16le", "s16"),
    "aiff": Format(".aiff", "aiff", "pcm_s16be", "s16"),
}


def read_stereo(path: Path, *, seconds: float) -> Stereo:
    """Decode the beginning of a file.

    Parameters
    ----------
    path : Path
        What FFmpeg reads.
    seconds : float
        At most so much is read.

    Returns
    -------
    numpy.ndarray, shape [n, 2], float32
        At 44.1 kHz, full scale 1.0.

    Raises
    ------
    NotAudioError
        FFmpeg cannot read it.
    """
    wanted = round(seconds * SAMPLE_RATE)
    parts: list[Stereo] = []
    found = 0
    try:
        for part in _stereo_blocks(path):
            parts.append(part)
            found += len(part)
            if found >= wanted:
                break
    except (av.FFmpegError, IndexError) as exc:  # an index where there is no audio stream
        raise NotAudioError(f"FFmpeg cannot read it: {exc}") from exc
    return np.concatenate(parts)[:wanted] if parts else np.empty((0, 2), dtype=np.float32)


def _stereo_blocks(path: Path) -> Iterator[Stereo]:
    resampler = av.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for resampled in resampler.resample(frame):
                yield _samples_of(resampled)
        for resampled in resampler.resample(None):
            yield _samples_of(resampled)


def _samples_of(frame: av.AudioFrame) -> Stereo:
    return frame.to_ndarray().astype(np.float32, copy=False).reshape(-1, 2)


def write(samples: Stereo, path: Path, *, form: Format) -> Path:
    """Encode samples into a file.

    Parameters
    ----------
    samples : numpy.ndarray, shape [n, 2], float32, in [-1, 1]
        At 44.1 kHz.
    path : Path
        Is overwritten.
    form : Format
        One of `FORMATS`; lossy ones get 128 kbit/s.
    """
    with av.open(str(path), "w", format=form.container) as container:
        stream = container.add_stream(form.codec, rate=form.sample_rate, options=dict(form.options))
        assert isinstance(stream, av.AudioStream)  # noqa: S101 - narrows the type: the codecs are all audio
        stream.layout = "stereo"
        stream.format = form.sample_format
        stream.bit_rate = BIT_RATE
        resampler = av.AudioResampler(
            format=form.sample_format,
            layout="stereo",
            rate=form.sample_rate,
            frame_size=stream.frame_size or _FRAME_SAMPLES,
        )
        for frame in _frames(samples):
            for fitted in resampler.resample(frame):
                container.mux(stream.encode(fitted))
        for fitted in resampler.resample(None):
            container.mux(stream.encode(fitted))
        container.mux(stream.encode(None))
    return path


def _frames(samples: Stereo) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), SAMPLE_RATE):
        part = np.ascontiguousarray(samples[start : start + SAMPLE_RATE]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = start
        yield frame
