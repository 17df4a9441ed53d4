"""Odd but playable files become what a listener would hear: tags, junk, joined and changing streams."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.decode import AudioStream, open_audio
from tests import audio

pytestmark = pytest.mark.slow  # encodes many streams

Piece = Callable[[audio.Codec], bytes]

TARGET = 22_050
PITCH = 441.0  # Hz; a period is 50 samples at the target's rate


def decode(content: bytes) -> tuple[NDArray[np.float32], AudioStream]:
    with open_audio(io.BytesIO(content)) as stream:
        return np.concatenate(list(stream.blocks())), stream


def tone(codec: audio.Codec, *, sample_rate: int, channels: int, folder: Path) -> bytes:
    """Two seconds of one pitch."""
    mono = audio.tone(PITCH, 2.0, sample_rate)
    columns = np.stack([mono] * channels, axis=1)
    return audio.encode(columns, sample_rate, codec=codec, path=folder).read_bytes()


def pitches(samples: NDArray[np.float32]) -> set[int]:
    """Strongest frequency of each half second, to 2 Hz."""
    half = TARGET // 2
    parts = [samples[start : start + half] for start in range(0, len(samples) - half, half)]
    return {2 * int(np.argmax(np.abs(np.fft.rfft(part)))) for part in parts}


def without_length(mp3_samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """An MP3 as streaming encoders write it: no frame count, no tag."""
    file = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"}
    with av.open(file, "w", format="mp3", container_options=options) as container:
        stream = cast("av.AudioStream", container.add_stream("libmp3lame", rate=sample_rate, layout="mono"))
        frame = av.AudioFrame.from_ndarray(mp3_samples.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def caf(samples: NDArray[np.float32], sample_rate: int, *, speakers: list[int]) -> bytes:
    """A Core Audio file that names each channel: 1 is left, 2 right, 3 centre, 4 low frequencies."""
    n_channels = samples.shape[1]
    pcm = (samples * 32_767).astype(">i2").tobytes()
    description = struct.pack(">d4sIIIII", sample_rate, b"lpcm", 0, 2 * n_channels, 1, n_channels, 16)
    layout = struct.pack(">III", 0, 0, n_channels) + b"".join(
        struct.pack(">IIfff", speaker, 0, 0.0, 0.0, 0.0) for speaker in speakers
    )
    chunks = ((b"desc", description), (b"chan", layout), (b"data", bytes(4) + pcm))
    body = b"".join(name + struct.pack(">q", len(content)) + content for name, content in chunks)
    return b"caff" + struct.pack(">HH", 1, 0) + body


@pytest.mark.parametrize("speakers", [[1, 2], [2, 1], [4, 3, 2, 1]])
def test_channels_in_an_unusual_order_are_averaged_too(speakers: list[int]) -> None:
    columns = np.stack(
        [audio.tone(PITCH * (index + 1), 1.0, TARGET) for index in range(len(speakers))], axis=1
    )
    content = caf(columns, TARGET, speakers=speakers)

    for _ in range(5):  # a layout freed twice shows late
        samples, _ = decode(content)

    np.testing.assert_allclose(samples, columns.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("codec", "first", "second"),
    [
        ("aac", (44_100, 2), (44_100, 1)),
        ("aac", (44_100, 1), (44_100, 2)),
        ("aac", (44_100, 1), (22_050, 1)),
        ("mp3", (44_100, 2), (44_100, 1)),
        ("mp3", (44_100, 1), (22_050, 2)),
        ("mp3", (22_050, 1), (48_000, 1)),
        ("flac", (44_100, 1), (22_050, 1)),
    ],
)
def test_joined_streams_of_other_rates_and_channels_keep_their_pitch(
    codec: audio.Codec, first: tuple[int, int], second: tuple[int, int], tmp_path: Path
) -> None:
    parts = [
        tone(codec, sample_rate=rate, channels=count, folder=tmp_path) for rate, count in (first, second)
    ]

    samples, _ = decode(b"".join(parts))

    assert pitches(samples) <= {440, 442}
    assert len(samples) == pytest.approx(4 * TARGET, rel=0.05)


def test_rate_that_changes_in_an_mp3_without_length_is_followed() -> None:
    content = b"".join(without_length(audio.tone(PITCH, 2.0, rate), rate) for rate in (44_100, 22_050))

    samples, stream = decode(content)

    assert pitches(samples) <= {440, 442}
    assert len(samples) == pytest.approx(4 * TARGET, rel=0.05)
    assert stream.info.sample_rate == 44_100


def test_mp3_without_length_is_whole() -> None:
    samples, stream = decode(without_length(audio.tone(PITCH, 2.0, 44_100), 44_100))

    assert len(samples) == pytest.approx(2 * TARGET, rel=0.05)
    assert not stream.truncated


def test_chained_ogg_is_played_through(tmp_path: Path) -> None:
    links = [tone("vorbis", sample_rate=44_100, channels=2, folder=tmp_path) for _ in range(2)]

    samples, stream = decode(b"".join(links))

    assert len(samples) == pytest.approx(4 * TARGET, rel=0.01)
    assert not stream.truncated


def test_chained_ogg_that_changes_its_rate_ends_there_and_says_so(tmp_path: Path) -> None:
    links = [tone("vorbis", sample_rate=rate, channels=1, folder=tmp_path) for rate in (44_100, 22_050)]

    samples, stream = decode(b"".join(links))

    assert len(samples) == pytest.approx(2 * TARGET, rel=0.01)
    assert stream.truncated


@pytest.mark.parametrize(
    "wrap",
    [
        lambda mp3: audio.id3v2() + mp3,
        lambda mp3: audio.id3v2(audio.picture(width=640, height=640)) + mp3,
        lambda mp3: audio.id3v2() + audio.id3v2(audio.picture()) + mp3,
        lambda mp3: audio.id3v2() + bytes(3_000) + mp3,
        lambda mp3: bytes(5_000) + mp3,
        lambda mp3: random.Random(0).randbytes(5_000) + mp3,
        lambda mp3: mp3 + b"TAG" + b"Title".ljust(125),
        lambda mp3: mp3 + b"APETAGEX" + bytes(20_000),
    ],
    ids=["ID3v2", "cover art", "two tags", "padding", "zeros before", "junk before", "ID3v1", "APE tag"],
)
@pytest.mark.parametrize("is_real_file", [True, False])
def test_what_stands_around_an_mp3_changes_nothing(
    wrap: Callable[[bytes], bytes], is_real_file: bool, piece: Piece, tmp_path: Path
) -> None:
    expected, _ = decode(piece("mp3"))
    wrapped = wrap(piece("mp3"))
    path = tmp_path / "wrapped"
    path.write_bytes(wrapped)

    with open_audio(path if is_real_file else io.BytesIO(wrapped)) as stream:
        samples = np.concatenate(list(stream.blocks()))

    np.testing.assert_array_equal(samples, expected)
    assert stream.info.codec == "mp3"
    assert not stream.truncated


def test_tag_before_flac_changes_nothing(piece: Piece) -> None:
    samples, stream = decode(audio.id3v2(audio.picture()) + piece("flac"))

    np.testing.assert_array_equal(samples, decode(piece("flac"))[0])
    assert stream.info.codec == "flac"


def test_m4a_with_its_index_first_equals_the_one_with_its_index_last(piece: Piece, tmp_path: Path) -> None:
    last = piece("m4a")
    first = tmp_path / "first.m4a"
    with (
        av.open(io.BytesIO(last), "r") as source,
        av.open(str(first), "w", format="ipod", container_options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = first.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")

    np.testing.assert_array_equal(decode(content)[0], decode(last)[0])
    half, stream_of_half = decode(content[: len(content) // 2])
    assert len(half) > TARGET
    assert stream_of_half.truncated


def test_sound_of_a_video_is_decoded(tmp_path: Path) -> None:
    content = audio.video(tmp_path / "clip.mp4", sound=audio.tone(PITCH, 2.0, 44_100)).read_bytes()

    samples, stream = decode(content)

    assert pitches(samples) <= {440, 442}
    assert stream.info.codec == "aac"
