"""Files that are cut, damaged, hollow or no audio end in one named error, or in what can be saved of them."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featurizer.errors import (
    AudioError,
    CorruptAudioError,
    EmptyFileError,
    NoAudioStreamError,
    NotAudioError,
    TooLongError,
    TooShortError,
)
from featurizer.track import AudioReport, TrackReader
from tests import audio

pytestmark = pytest.mark.slow  # encodes many streams

Piece = Callable[[audio.Codec], bytes]

# Their index stands at the end: without it not one sample can be found.
INDEXED_AT_THE_END = ("m4a", "alac")


def label(content: bytes) -> tuple[int, AudioReport]:
    """Number of windows, and the report."""
    with TrackReader(io.BytesIO(content)) as reader:
        return sum(len(windows) for windows in reader.windows()), reader.report


@pytest.mark.parametrize("codec", [codec for codec in audio.CODECS if codec not in INDEXED_AT_THE_END])
def test_cut_file_is_labelled_from_what_there_is_and_says_so(codec: audio.Codec, piece: Piece) -> None:
    content = piece(codec)

    n_windows, report = label(content[: len(content) * 3 // 4])

    assert n_windows == 1
    assert report.warnings == ("short", "truncated")
    assert 1.5 < report.duration_seconds < 2.6


@pytest.mark.parametrize("codec", audio.CODECS)
def test_file_cut_to_less_than_the_least_is_corrupt(codec: audio.Codec, piece: Piece) -> None:
    content = piece(codec)

    with pytest.raises(CorruptAudioError):
        label(content[: len(content) // 10])


@pytest.mark.parametrize("codec", INDEXED_AT_THE_END)
def test_file_that_lost_its_index_is_corrupt(codec: audio.Codec, piece: Piece) -> None:
    content = piece(codec)

    with pytest.raises(CorruptAudioError):
        label(content[: len(content) * 9 // 10])


@pytest.mark.parametrize("codec", ["flac", "mp3", "aac", "wma"])
def test_hole_in_the_middle_costs_only_itself(codec: audio.Codec, piece: Piece) -> None:
    content = bytearray(piece(codec))
    middle = len(content) // 2
    content[middle : middle + len(content) // 8] = bytes(len(content) // 8)

    _, report = label(bytes(content))

    assert "truncated" in report.warnings or codec == "mp3"  # libmpg123 conceals it
    assert report.duration_seconds > 2.4


@pytest.mark.parametrize("codec", ["vorbis", "opus"])
def test_hole_in_the_middle_of_an_ogg_costs_only_its_pages(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.music(20.0, 44_100), 44_100, codec=codec, path=tmp_path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 8] = bytes(len(content) // 8)

    _, report = label(bytes(content))

    assert report.warnings == ("truncated",)
    assert report.duration_seconds > 14.0  # of 17.5; a page is a second or two, and the hole begins in one


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_damaged_frame_of_flac_is_left_out_and_the_rest_is_played(share: float, piece: Piece) -> None:
    content = bytearray(piece("flac"))
    content[round(share * len(content))] ^= 0xFF

    with TrackReader(io.BytesIO(content)) as reader:
        windows = np.concatenate(list(reader.windows()))

    # Where a checksum is wrong FFmpeg hands over up to five frames of 0.09 s as one. Played in spite of it
    # they would be noise up to full scale.
    assert 2.7 < reader.report.duration_seconds < 3.2
    assert "truncated" in reader.report.warnings
    assert np.abs(windows).max() < 0.6


def test_empty_file_is_empty() -> None:
    with pytest.raises(EmptyFileError):
        label(b"")


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"These are no sounds.\n" * 5_000,
        ("These are no sounds.\n" * 5_000).encode("utf-16"),
        b"<!DOCTYPE html><title>404</title>",
        b"\x89PNG\r\n\x1a\n" + bytes(2_000),
        b"%PDF-1.4\n" + bytes(2_000),
        b"PK\x03\x04" + bytes(2_000),
        bytes(100_000),
        b"\xff" * 100_000,
        random.Random(1).randbytes(300_000),
        b"\xff\xfb\x90\x64" + random.Random(2).randbytes(300_000),
        b"\xff\xf1\x50\x80" + random.Random(3).randbytes(300_000),
    ],
    ids=[
        "one byte",
        "text",
        "utf-16 text that begins like an MP3",
        "html",
        "png",
        "pdf",
        "zip",
        "zeros",
        "ones",
        "random",
        "random behind an MP3 frame header",
        "random behind an AAC frame header",
    ],
)
def test_what_is_no_audio_is_called_so(content: bytes) -> None:
    with pytest.raises(NotAudioError):
        label(content)


def test_picture_is_no_audio() -> None:
    with pytest.raises(NotAudioError):
        label(audio.picture())


def test_play_list_is_not_followed(tmp_path: Path) -> None:
    path = audio.encode(audio.chord(4.0, 22_050), 22_050, codec="mp3", path=tmp_path)
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{path}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{path}'\n"

    for content in (hls, concat):
        with pytest.raises(NotAudioError):
            label(content.encode())


def test_video_without_sound_has_no_audio_stream(tmp_path: Path) -> None:
    with pytest.raises(NoAudioStreamError, match="streams=video"):
        label(audio.video(tmp_path / "silent.mp4").read_bytes())


@pytest.mark.parametrize("codec", ["wav_s16", "flac", "mp3", "m4a", "opus"])
def test_clean_clip_under_the_least_is_too_short_not_corrupt(codec: audio.Codec, tmp_path: Path) -> None:
    content = audio.encode(audio.chord(0.8, 44_100), 44_100, codec=codec, path=tmp_path).read_bytes()

    with pytest.raises(TooShortError):
        label(content)


@pytest.mark.parametrize("sample_rate", [0, 1, 999, 1_000_000, 2**31, 2**32 - 1])
def test_absurd_sample_rate_in_a_header_is_corrupt(sample_rate: int, piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<I", content, 24, sample_rate)

    with pytest.raises(CorruptAudioError):
        label(bytes(content))


@pytest.mark.parametrize("channels", [0, 65, 255, 65_535])
def test_absurd_number_of_channels_in_a_header_is_corrupt(channels: int, piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<H", content, 22, channels)
    struct.pack_into("<H", content, 32, (2 * channels) & 0xFFFF)

    with pytest.raises(CorruptAudioError):
        label(bytes(content))


@pytest.mark.parametrize(
    ("field", "value"), [(34, 0), (34, 64), (34, 255), (20, 0), (20, 0x31), (20, 0x674F)]
)
def test_format_that_no_decoder_knows_is_corrupt(field: int, value: int, piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<H", content, field, value)

    with pytest.raises(CorruptAudioError):
        label(bytes(content))


@pytest.mark.parametrize("size", [0, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_wav_of_a_writer_that_could_not_seek_back_is_whole(size: int, piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<I", content, 4, size)
    struct.pack_into("<I", content, 40, size)

    n_windows, report = label(bytes(content))

    assert (n_windows, report.warnings) == (1, ())
    assert report.duration_seconds == pytest.approx(3.2, abs=1e-3)


def test_flac_of_a_writer_that_could_not_seek_back_is_whole(piece: Piece) -> None:
    content = bytearray(piece("flac"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)

    n_windows, report = label(bytes(content))

    assert (n_windows, report.warnings) == (1, ())
    assert report.duration_seconds == pytest.approx(3.2, abs=1e-3)


def test_header_that_promises_two_weeks_is_measured_not_believed(piece: Piece) -> None:
    content = bytearray(piece("flac"))
    content[21] |= 0x0F

    n_windows, report = label(bytes(content))

    assert (n_windows, report.warnings) == (1, ("truncated",))
    assert report.duration_seconds == pytest.approx(3.2, abs=1e-3)


def test_track_over_the_limit_is_found_by_decoding_where_its_header_is_silent(piece: Piece) -> None:
    content = bytearray(piece("flac"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)

    with (
        TrackReader(io.BytesIO(content), max_duration_seconds=3.0) as reader,
        pytest.raises(TooLongError, match="max_duration_seconds=3"),
    ):
        list(reader.windows())


def damage(content: bytes, rng: random.Random) -> bytes:
    """Cut, flip, overwrite, empty or repeat a part of the bytes."""
    damaged = bytearray(content)
    at = rng.randrange(len(damaged))
    kind = rng.randrange(6)
    if kind == 0:
        del damaged[rng.choice([at, rng.randrange(600)]) :]
    elif kind == 1:
        damaged[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        for _ in range(rng.randrange(1, 200)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    elif kind == 3:
        for _ in range(rng.randrange(1, 12)):
            damaged[rng.randrange(300)] = rng.choice([0, 255, rng.randrange(256)])
    elif kind == 4:
        length = rng.randrange(1, 20_000)
        damaged[at : at + length] = rng.choice([bytes(length), rng.randbytes(length), b""])
    else:
        damaged[at:at] = damaged[rng.randrange(len(damaged)) :][:20_000]
    return bytes(damaged)


def survives(content: bytes) -> None:
    """Only a valid report or an error of ours may come of it."""
    try:
        with TrackReader(io.BytesIO(content)) as reader:
            windows = np.concatenate(list(reader.windows()))
    except AudioError:
        return
    assert np.isfinite(windows).all()
    assert reader.report.duration_seconds >= 1.0


@pytest.mark.parametrize("codec", audio.CODECS)
def test_damage_never_lets_a_librarys_error_out(codec: audio.Codec, piece: Piece) -> None:
    rng = random.Random(f"{codec} 0")
    for _ in range(4):
        survives(damage(piece(codec), rng))


@pytest.mark.slow
@pytest.mark.parametrize("codec", audio.CODECS)
def test_much_damage_never_lets_a_librarys_error_out(codec: audio.Codec, piece: Piece) -> None:
    rng = random.Random(f"{codec} 1")
    for _ in range(150):
        survives(damage(piece(codec), rng))
