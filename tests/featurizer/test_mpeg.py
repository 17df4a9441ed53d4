"""Frame headers give lengths, and the first frame is found behind whatever stands before it."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest

from featurizer.mpeg import find_first_frame, frame_bytes, is_frame_header
from featurizer.source import Source
from tests import audio


@pytest.mark.parametrize(
    ("head", "length"),
    [
        ("fffb9064", 417),  # MPEG-1 Layer III, 128 kbit/s, 44.1 kHz
        ("fffb9264", 418),  # the same, padded
        ("fffbe444", 960),  # MPEG-1 Layer III, 320 kbit/s, 48 kHz
        ("fff36044", 156),  # MPEG-2 Layer III, 48 kbit/s, 22.05 kHz
        ("ffe34044", 208),  # MPEG-2.5 Layer III, 32 kbit/s, 11.025 kHz
        ("fffd8404", 384),  # MPEG-1 Layer II, 128 kbit/s, 48 kHz
        ("ffffc400", 384),  # MPEG-1 Layer I, 384 kbit/s, 48 kHz
    ],
)
def test_length_of_a_frame_follows_from_its_header(head: str, length: int) -> None:
    assert frame_bytes(bytes.fromhex(head)) == length


@pytest.mark.parametrize(
    "head", ["", "fffb90", "00fb9064", "ffeb9064", "fff99064", "fffbf064", "fffb9c64", "fff15080"]
)
def test_what_is_no_frame_header_is_refused(head: str) -> None:
    assert not is_frame_header(bytes.fromhex(head))
    assert frame_bytes(bytes.fromhex(head)) is None


def test_free_bit_rate_is_a_header_of_unknown_length() -> None:
    assert is_frame_header(bytes.fromhex("fffb0064"))
    assert frame_bytes(bytes.fromhex("fffb0064")) is None


@pytest.mark.parametrize("n_bytes", [0, 1, 5_000, 200_000])
def test_first_frame_is_found_behind_junk(n_bytes: int, piece: Callable[[audio.Codec], bytes]) -> None:
    mp3 = piece("mp3")
    frames = mp3[mp3.index(b"\xff\xfb") :]
    junk = random.Random(n_bytes).randbytes(n_bytes)

    assert find_first_frame(Source(io.BytesIO(junk + frames)), 0) == n_bytes


@pytest.mark.parametrize("seed", range(5))
def test_no_frame_is_found_in_random_bytes(seed: int) -> None:
    assert find_first_frame(Source(io.BytesIO(random.Random(seed).randbytes(200_000))), 0) is None
