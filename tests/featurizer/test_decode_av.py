"""FFmpeg's refusals are passed over while they are few and end the track when they are endless."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable

import pytest

from featurizer.decode_av import AvDecoder, open_with_av
from featurizer.source import Source
from tests import audio

Piece = Callable[[audio.Codec], bytes]


def opened(content: bytes) -> AvDecoder:
    decoder = open_with_av(Source(io.BytesIO(content)))
    assert decoder is not None
    return decoder


def n_frames(decoder: AvDecoder) -> int:
    return sum(len(block.samples) for block in decoder.blocks())


def test_header_that_shreds_the_file_is_given_up_after_some_thousand_packets(piece: Piece) -> None:
    content = bytearray(piece("wav_s16"))
    struct.pack_into("<H", content, 20, 0x31)  # GSM: packets of four bytes, none of them valid

    decoder = opened(bytes(content))

    assert n_frames(decoder) == 0
    assert decoder.n_damaged == 5_000
    assert decoder.ended_early


@pytest.mark.parametrize("codec", ["m4a", "alac"])
def test_many_damaged_packets_in_a_row_do_not_end_the_track(codec: audio.Codec, piece: Piece) -> None:
    content = bytearray(piece(codec))
    whole = n_frames(opened(bytes(content)))
    start, length = len(content) // 3, len(content) // 4
    content[start : start + length] = random.Random(0).randbytes(length)

    decoder = opened(bytes(content))

    assert n_frames(decoder) > 0.6 * whole
    assert decoder.n_damaged > 5
    assert decoder.ended_early


def test_bytes_that_ffmpeg_does_not_know_give_no_decoder() -> None:
    assert open_with_av(Source(io.BytesIO(b"no sound " * 1_000))) is None
