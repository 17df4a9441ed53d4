"""Encodes one short piece in every format, once a session, for all tests that only read it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests import audio

PIECE_SECONDS = 3.2
PIECE_SAMPLE_RATE = 44_100


@pytest.fixture(scope="session")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Callable[[audio.Codec], bytes]:
    """The bytes of a stereo piece of 3.2 seconds at 44.1 kHz in the codec asked for."""
    left = audio.chord(PIECE_SECONDS, PIECE_SAMPLE_RATE)
    right = audio.chirp(PIECE_SECONDS, PIECE_SAMPLE_RATE)

    @cache
    def encoded(codec: audio.Codec) -> bytes:
        path = tmp_path_factory.mktemp(codec)
        return audio.encode(audio.stereo(left, right), PIECE_SAMPLE_RATE, codec=codec, path=path).read_bytes()

    return encoded
