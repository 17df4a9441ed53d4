"""Turns a header into the length of an MPEG audio frame, and first bytes into where the frames begin.

Header layout and tables: ISO/IEC 11172-3 and 13818-3, section 2.4.2.3; MPEG 2.5 halves the rates again.
"""

from __future__ import annotations

import re

from featurizer.source import Source

_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_SEARCH_BYTES = 262_144  # more junk than this before the first frame was never seen
_FRAMES_IN_A_ROW = 3  # by chance once in 10**10 bytes

# kbit/s by index 1 to 14.
_LAYER_1 = tuple(range(32, 449, 32))
_LAYER_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_LAYER_1 = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_LOW_LAYERS_2_AND_3 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_SAMPLE_RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG-1
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}  # by version: MPEG-1, MPEG-2, MPEG-2.5


def is_frame_header(head: bytes) -> bool:
    """Whether the bytes begin with a valid header of an MPEG-1, -2 or -2.5 Layer I to III frame."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer_bits = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    return version != 1 and layer_bits != 0 and head[2] >> 4 != 15 and (head[2] >> 2) & 3 != 3


def frame_bytes(head: bytes) -> int | None:
    """Length of the frame with this header, in bytes; None where it is not valid or its bit rate is free."""
    if not is_frame_header(head) or head[2] >> 4 == 0:
        return None
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)
    divisor = _RATE_DIVISORS[version]
    if divisor == 1:
        bit_rates = {1: _LAYER_1, 2: _LAYER_2, 3: _LAYER_3}[layer]
    else:
        bit_rates = _LOW_LAYER_1 if layer == 1 else _LOW_LAYERS_2_AND_3
    bits = 1_000 * bit_rates[(head[2] >> 4) - 1]
    sample_rate = _SAMPLE_RATES[(head[2] >> 2) & 3] // divisor
    padding = (head[2] >> 1) & 1
    if layer == 1:
        return 4 * (12 * bits // sample_rate + padding)
    # A frame of the low rates' Layer III holds half as many samples.
    return (72 if layer == 3 and divisor > 1 else 144) * bits // sample_rate + padding


def find_first_frame(source: Source, start: int) -> int | None:
    """Where the first of several frames in a row begins, in bytes, at or after `start`; None if nowhere near.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    searched = source.read_at(start, _SEARCH_BYTES)
    for match in _SYNC.finditer(searched):
        at = match.start()
        for _ in range(_FRAMES_IN_A_ROW):
            length = frame_bytes(searched[at : at + 4])
            if length is None:
                break
            at += length
        else:
            return start + match.start()
    return None
