"""Turns arrays into small encoded audio files of every format, and makes deterministic signals to fill them.

Signals depend on their arguments only; so does what `encode` writes, but for random serial numbers in Ogg.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Codec = Literal[
    "wav_u8",
    "wav_s16",
    "wav_s24",
    "wav_s32",
    "wav_f32",
    "wav_f64",
    "aiff",
    "flac",
    "vorbis",
    "mp3",
    "m4a",
    "m4a_fragmented",
    "aac",
    "alac",
    "opus",
    "wma",
]
"""What `encode` can write: `m4a*` is AAC in MP4, `aac` bare ADTS frames, `opus` and `vorbis` are in Ogg."""

LOSSLESS: tuple[Codec, ...] = ("wav_s16", "wav_s24", "wav_s32", "wav_f32", "wav_f64", "aiff", "flac", "alac")
"""Codecs that give 16-bit samples back exactly."""

LOSSY: tuple[Codec, ...] = ("vorbis", "mp3", "m4a", "m4a_fragmented", "aac", "opus", "wma")

CODECS: tuple[Codec, ...] = ("wav_u8", *LOSSLESS, *LOSSY)


@dataclass(frozen=True, slots=True)
class _SoundFileTarget:
    suffix: str
    container: str
    subtype: str


@dataclass(frozen=True, slots=True)
class _AvTarget:
    suffix: str
    container: str
    encoder: str
    options: Mapping[str, str] = field(default_factory=dict)


_TARGETS: Mapping[Codec, _SoundFileTarget | _AvTarget] = {
    "wav_u8": _SoundFileTarget(".wav", "WAV", "PCM_U8"),
    "wav_s16": _SoundFileTarget(".wav", "WAV", "PCM_16"),
    "wav_s24": _SoundFileTarget(".wav", "WAV", "PCM_24"),
    "wav_s32": _SoundFileTarget(".wav", "WAV", "PCM_32"),
    "wav_f32": _SoundFileTarget(".wav", "WAV", "FLOAT"),
    "wav_f64": _SoundFileTarget(".wav", "WAV", "DOUBLE"),
    "aiff": _SoundFileTarget(".aiff", "AIFF", "PCM_16"),
    "flac": _SoundFileTarget(".flac", "FLAC", "PCM_16"),
    "vorbis": _SoundFileTarget(".ogg", "OGG", "VORBIS"),
    "mp3": _AvTarget(".mp3", "mp3", "libmp3lame"),
    "m4a": _AvTarget(".m4a", "ipod", "aac"),
    "m4a_fragmented": _AvTarget(".mp4", "mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "aac": _AvTarget(".aac", "adts", "aac"),
    "alac": _AvTarget(".m4a", "ipod", "alac"),
    "opus": _AvTarget(".opus", "ogg", "libopus"),
    "wma": _AvTarget(".wma", "asf", "wmav2"),
}

_OPUS_SAMPLE_RATE = 48_000  # Hz; Opus knows five rates only, so everything is resampled to its own

# Nominal bit rates of libvorbis' qualities -0.1 to 1 for 44.1-kHz stereo.
_VORBIS_BIT_RATES = (45e3, 64e3, 80e3, 96e3, 112e3, 128e3, 160e3, 192e3, 224e3, 256e3, 320e3, 500e3)
_VORBIS_QUALITIES = (-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def suffix_of(codec: Codec) -> str:
    """File name ending that people give this codec, with the dot."""
    return _TARGETS[codec].suffix


def encode(
    samples: NDArray[Any],
    sample_rate: int,
    *,
    codec: Codec,
    path: Path,
    bit_rate: int = 128_000,
) -> Path:
    """Write samples as an encoded file.

    Parameters
    ----------
    samples : array, shape [n] or [n, channels], float, in [-1, 1]
    sample_rate : int
        Hz. Opus is resampled to 48 kHz; MP3, AAC and WMA take their usual rates only.
    codec : Codec
    path : Path
        The file to write, or an existing folder that gets `audio` and the codec's suffix.
    bit_rate : int
        Bits a second of lossy codecs (Vorbis: nominal); lossless ones ignore it.

    Returns
    -------
    Path
        The file.
    """
    target = _TARGETS[codec]
    if path.is_dir():
        path /= f"audio{target.suffix}"
    columns = np.asarray(samples, dtype=np.float64)
    columns = columns[:, np.newaxis] if columns.ndim == 1 else columns
    if isinstance(target, _SoundFileTarget):
        _write_with_soundfile(columns, sample_rate, target=target, path=path, bit_rate=bit_rate)
        return path
    if codec == "opus":
        columns = soxr.resample(columns, sample_rate, _OPUS_SAMPLE_RATE)
        sample_rate = _OPUS_SAMPLE_RATE
    _write_with_av(columns, sample_rate, target=target, path=path, bit_rate=bit_rate)
    return path


def _write_with_soundfile(
    columns: NDArray[np.float64], sample_rate: int, *, target: _SoundFileTarget, path: Path, bit_rate: int
) -> None:
    compression = {}
    if target.subtype == "VORBIS":
        quality = float(np.interp(bit_rate, _VORBIS_BIT_RATES, _VORBIS_QUALITIES))
        compression = {"compression_level": min(1.0 - quality, 1.0)}
    with soundfile.SoundFile(
        path,
        "w",
        samplerate=sample_rate,
        channels=columns.shape[1],
        format=target.container,
        subtype=target.subtype,
        **compression,
    ) as file:
        # libsndfile 1.2.2 overflows its stack when one call encodes many seconds of Vorbis.
        for start in range(0, len(columns), sample_rate):
            file.write(columns[start : start + sample_rate])


def _write_with_av(
    columns: NDArray[np.float64], sample_rate: int, *, target: _AvTarget, path: Path, bit_rate: int
) -> None:
    layout = _LAYOUTS[columns.shape[1]]
    # 16-bit input keeps ALAC lossless; the lossy encoders lose far more than that.
    pcm = np.clip(np.rint(columns * 32_768), -32_768, 32_767).astype(np.int16)
    with av.open(
        str(path), "w", format=target.container, container_options=dict(target.options)
    ) as container:
        stream = cast("av.AudioStream", container.add_stream(target.encoder, rate=sample_rate, layout=layout))
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=sample_rate)
        for start in range(0, len(pcm), sample_rate):
            second = np.ascontiguousarray(pcm[start : start + sample_rate]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(second, format="s16", layout=layout)
            frame.sample_rate = sample_rate
            frame.time_base = Fraction(1, sample_rate)
            frame.pts = start
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))


def times(seconds: float, sample_rate: int) -> NDArray[np.float64]:
    """Sample instants in seconds, shape [round(seconds * sample_rate)]."""
    return np.arange(round(seconds * sample_rate)) / sample_rate


def silence(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """Zeros, shape [n]."""
    return np.zeros(round(seconds * sample_rate), dtype=np.float32)


def tone(
    frequency: float, seconds: float, sample_rate: int, *, amplitude: float = 0.5
) -> NDArray[np.float32]:
    """A sine of `frequency` Hz, shape [n]."""
    return (amplitude * np.sin(2 * np.pi * frequency * times(seconds, sample_rate))).astype(np.float32)


def chord(seconds: float, sample_rate: int, *, root: float = 220.0) -> NDArray[np.float32]:
    """A just major triad over `root` Hz with two overtones each, shape [n], in [-0.6, 0.6]."""
    instants = times(seconds, sample_rate)
    mixed = np.zeros_like(instants)
    for ratio in (1.0, 1.25, 1.5):
        for overtone, level in ((1, 0.12), (2, 0.05), (3, 0.03)):
            mixed += level * np.sin(2 * np.pi * root * ratio * overtone * instants)
    return mixed.astype(np.float32)


def chirp(
    seconds: float, sample_rate: int, *, start: float = 60.0, stop: float = 8_000.0
) -> NDArray[np.float32]:
    """A sine that glides exponentially from `start` to `stop` Hz, shape [n], in [-0.5, 0.5]."""
    instants = times(seconds, sample_rate)
    rate = np.log(stop / start) / seconds
    phase: NDArray[np.float64] = 2 * np.pi * start * np.expm1(rate * instants) / rate
    return (0.5 * np.sin(phase)).astype(np.float32)


def noise(seconds: float, sample_rate: int, *, seed: int = 0, amplitude: float = 0.1) -> NDArray[np.float32]:
    """White Gaussian noise of standard deviation `amplitude`, clipped to [-1, 1], shape [n]."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal(round(seconds * sample_rate))
    return np.clip(amplitude * normal, -1.0, 1.0).astype(np.float32)


def clicks(seconds: float, sample_rate: int, *, bpm: float = 120.0) -> NDArray[np.float32]:
    """A decaying 1-kHz click on each beat, shape [n], in [-0.8, 0.8]."""
    since_beat = times(seconds, sample_rate) % (60.0 / bpm)
    return (0.8 * np.exp(-60.0 * since_beat) * np.sin(2 * np.pi * 1_000.0 * since_beat)).astype(np.float32)


def music(seconds: float, sample_rate: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Chords that change every half second, a beat and a little noise, shape [n], peak 0.8.

    Broad-band and time-varying, so that every feature of a window of it is away from its degenerate value.
    """
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * sample_rate)
    part = max(sample_rate // 2, 1)
    roots = 110.0 * 2.0 ** (rng.integers(0, 24, size=n_samples // part + 1) / 12.0)
    bars = [chord(part / sample_rate, sample_rate, root=float(root)) for root in roots]
    mixed: NDArray[np.float32] = np.concatenate(bars)[:n_samples]
    mixed = mixed + 0.4 * clicks(seconds, sample_rate, bpm=float(rng.uniform(80, 160)))[: len(mixed)]
    mixed = mixed + noise(seconds, sample_rate, seed=seed + 1, amplitude=0.02)[: len(mixed)]
    peak = max(float(np.abs(mixed).max(initial=0.0)), 1e-9)
    return (mixed * np.float32(0.8 / peak)).astype(np.float32)


def stereo(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two equally long channels side by side, shape [n, 2]."""
    return np.stack([left, right], axis=1)


def picture(*, width: int = 64, height: int = 64) -> bytes:
    """A JPEG file."""
    encoder = cast("av.VideoCodecContext", av.CodecContext.create("mjpeg", "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    packets = [*encoder.encode(_grey_frame(width, height, "yuvj420p")), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def id3v2(cover: bytes | None = None, *, title: str = "Title") -> bytes:
    """An ID3v2.3 tag to put before MP3 frames, with the picture as cover art where one is given."""
    frames = _id3_frame(b"TIT2", b"\x00" + title.encode("latin-1"))
    if cover is not None:
        frames += _id3_frame(b"APIC", b"\x00image/jpeg\x00\x03cover\x00" + cover)
    size = len(frames)
    syncsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + syncsafe + frames


def video(path: Path, *, sound: NDArray[np.float32] | None = None, sample_rate: int = 44_100) -> Path:
    """Write an MP4 of 25 grey pictures, with a mono AAC track where `sound` is given."""
    with av.open(str(path), "w", format="mp4") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        voice = None
        if sound is not None:
            voice = container.add_stream("aac", rate=sample_rate, layout="mono")
        for _ in range(25):
            container.mux(pictures.encode(_grey_frame(64, 64, "yuv420p")))
        container.mux(pictures.encode(None))
        if voice is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate = sample_rate
            container.mux(voice.encode(frame))
            container.mux(voice.encode(None))
    return path


def _grey_frame(width: int, height: int, pixel_format: str) -> av.VideoFrame:
    grey = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
    return frame.reformat(format=pixel_format)


def _id3_frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">IH", len(body), 0) + body
