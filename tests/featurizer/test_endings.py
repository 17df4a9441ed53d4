"""First and last bytes tell whether a file is shorter than it says."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest

from featurizer.endings import Length, is_cut, mp3_length, ogg_ending
from featurizer.sniff import sniff
from featurizer.source import Source
from tests import audio

Piece = Callable[[audio.Codec], bytes]


def cut(content: bytes) -> bool:
    source = Source(io.BytesIO(content))
    return is_cut(source, sniff(source))


@pytest.mark.parametrize("codec", ["wav_s16", "aiff", "vorbis", "opus", "wma"])
def test_whole_file_is_not_cut_and_a_shorter_one_is(codec: audio.Codec, piece: Piece) -> None:
    content = piece(codec)

    assert not cut(content)
    assert cut(content[:-200])
    assert cut(content[: len(content) // 2])


@pytest.mark.parametrize("codec", ["wav_s16", "vorbis", "wma"])
def test_bytes_after_the_end_do_not_matter(codec: audio.Codec, piece: Piece) -> None:
    assert not cut(piece(codec) + bytes(1_000))


@pytest.mark.parametrize("size", [0, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_size_that_a_streaming_writer_left_is_no_promise(size: int, piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<I", content, 4, size)

    assert not cut(bytes(content))


def test_chained_ogg_is_more_than_one_stream(piece: Piece, tmp_path_factory: pytest.TempPathFactory) -> None:
    first = piece("vorbis")
    second = audio.encode(
        audio.chord(0.5, 22_050), 22_050, codec="vorbis", path=tmp_path_factory.mktemp("second")
    ).read_bytes()

    assert ogg_ending(Source(io.BytesIO(first)), 0).is_one_stream
    assert not ogg_ending(Source(io.BytesIO(first + second)), 0).is_one_stream


def test_mp3_tells_its_length_and_whether_another_follows(piece: Piece) -> None:
    tagged = piece("mp3")
    frames = tagged[tagged.index(b"\xff\xfb") :]

    def length(content: bytes) -> Length:
        return mp3_length(Source(io.BytesIO(content)), 0)

    assert length(frames) == Length(is_declared=True, hides_more=False)
    assert length(frames + b"APETAGEX" + bytes(9_000)) == Length(is_declared=True, hides_more=False)
    assert length(frames + frames) == Length(is_declared=True, hides_more=True)
    assert length(frames + b"TAG" + bytes(125) + tagged) == Length(is_declared=True, hides_more=True)
    assert length(frames.replace(b"Info", b"nfoI").replace(b"Xing", b"ingX")) == Length(
        is_declared=False, hides_more=False
    )


@pytest.mark.parametrize("content", [b"", b"\xff\xfb\x90\x64Info", b"\xff\xfb\x90\x64Xing\x00\x00\x00\x03"])
def test_cut_first_frame_hides_nothing(content: bytes) -> None:
    assert not mp3_length(Source(io.BytesIO(content)), 0).hides_more
