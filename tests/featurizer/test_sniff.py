"""First bytes name the container, whatever the file is called."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from featurizer.sniff import Sniffed, sniff
from featurizer.source import Source
from tests import audio


def sniffed(content: bytes) -> Sniffed:
    return sniff(Source(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("codec", "container"),
    [
        ("wav_s16", "wav"),
        ("aiff", "aiff"),
        ("flac", "flac"),
        ("vorbis", "ogg_vorbis"),
        ("opus", "ogg"),
        ("mp3", "mp3"),
        ("m4a", "known"),
        ("wma", "asf"),
    ],
)
def test_container_is_named(
    codec: audio.Codec, container: str, piece: Callable[[audio.Codec], bytes]
) -> None:
    found = sniffed(piece(codec))

    assert found.container == container
    assert found.is_certain


@pytest.mark.parametrize("content", [b"", b"x", b"RIFF", b"text " * 100, bytes(1_000), audio.picture()])
def test_other_bytes_are_unknown(content: bytes) -> None:
    assert sniffed(content) == Sniffed(container="unknown", offset=0, is_certain=False)


def test_bare_frames_could_be_chance(piece: Callable[[audio.Codec], bytes]) -> None:
    mp3 = piece("mp3")
    frames = mp3[mp3.index(b"\xff\xfb") :]

    assert sniffed(frames) == Sniffed(container="mp3", offset=0, is_certain=False)


def test_tags_are_passed_over() -> None:
    tags = audio.id3v2(title="one") + audio.id3v2(audio.picture())

    assert sniffed(tags + b"fLaC" + bytes(60)) == Sniffed("flac", len(tags), is_certain=True)


def test_endless_tags_end_the_search() -> None:
    assert sniffed(audio.id3v2() * 100).container == "mp3"
