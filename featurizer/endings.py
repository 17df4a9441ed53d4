"""Turns a container's first and last bytes into whether the file ends before its own header says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from featurizer.mpeg import is_frame_header
from featurizer.sniff import Sniffed
from featurizer.source import Source

_OGG_MAX_PAGE_BYTES = 65_307  # header 27 + 255 segments' lengths + 255 segments of 255 bytes
_OGG_HEADER_BYTES = 27
_OGG_LAST_PAGE = 0x04

# Writers that cannot seek back leave 0, or a size of 2 GiB and more, where the size should be: no promise.
_LARGEST_PROMISED_BYTES = 0x7FFF_0000

# Writers disagree whether the form's own eight bytes, a padding byte and trailing chunks count.
_SLACK_BYTES = 64

# ASF's File Properties object: its identifier, its length (8 bytes), the file's identifier (16), the file's
# size.
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_FILE_SIZE_AT = 40
_ASF_HEADER_BYTES = 16_384  # the object is among the first; long ones hold descriptions and pictures
_LARGEST_FILE_BYTES = 2**48

_XING_FRAMES, _XING_BYTES = 1, 2  # flags: which fields the header holds
_ID3V1_BYTES = 128
_FIRST_FRAME_BYTES = 4_096  # an MPEG frame is at most 1,441 bytes; some padding may precede it


@dataclass(frozen=True, slots=True)
class OggEnding:
    """What the last page of an Ogg file shows.

    Attributes
    ----------
    is_cut : bool
        The last page is incomplete or is not marked as its stream's last.
    is_one_stream : bool
        It belongs to the stream that the file begins with: the file is neither chained nor multiplexed.
    """

    is_cut: bool
    is_one_stream: bool


@dataclass(frozen=True, slots=True)
class Length:
    """What a file says of its own length.

    Attributes
    ----------
    is_declared : bool
        Its header counts the frames (an MP3: in its first frame).
    hides_more : bool
        Another MP3 follows the bytes that were counted: files were joined, and players of the count stop.
    """

    is_declared: bool
    hides_more: bool


def is_cut(source: Source, sniffed: Sniffed) -> bool:
    """Whether the file is shorter than its header promises, where that can be told without decoding.

    Parameters
    ----------
    source : Source
    sniffed : Sniffed
        What `sniff` said of the same source.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    if sniffed.container in ("wav", "aiff"):
        return _is_form_cut(source, sniffed.offset)
    if sniffed.container in ("ogg", "ogg_vorbis"):
        return ogg_ending(source, sniffed.offset).is_cut
    return sniffed.container == "asf" and _is_asf_cut(source, sniffed.offset)


def ogg_ending(source: Source, offset: int) -> OggEnding:
    """Read the last page of an Ogg file whose first page is at `offset`."""
    first = source.read_at(offset, _OGG_HEADER_BYTES)
    start = max(offset, source.size_bytes - 2 * _OGG_MAX_PAGE_BYTES)
    tail = source.read_at(start, source.size_bytes - start)
    at = tail.rfind(b"OggS\x00")
    page = tail[at:] if at >= 0 else b""
    if len(page) < _OGG_HEADER_BYTES:
        return OggEnding(is_cut=True, is_one_stream=True)
    n_segments = page[26]
    segments = page[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + n_segments]
    is_whole = len(page) >= _OGG_HEADER_BYTES + n_segments + sum(segments)
    return OggEnding(
        is_cut=not (is_whole and page[5] & _OGG_LAST_PAGE),
        is_one_stream=page[14:18] == first[14:18],
    )


def mp3_length(source: Source, offset: int) -> Length:
    """Read what the first MPEG frame at `offset` says of the file: its Xing, Info or VBRI header, if any."""
    first_frame = source.read_at(offset, _FIRST_FRAME_BYTES)
    at = max(first_frame.find(b"Xing"), first_frame.find(b"Info"))
    if at < 0:
        return Length(is_declared=b"VBRI" in first_frame, hides_more=False)
    fields = first_frame[at + 4 : at + 16]
    if len(fields) < 12:
        return Length(is_declared=True, hides_more=False)
    flags, first, second = struct.unpack(">III", fields)
    if not flags & _XING_BYTES:
        return Length(is_declared=True, hides_more=False)
    declared = second if flags & _XING_FRAMES else first
    return Length(is_declared=True, hides_more=_is_mp3_at(source, offset + declared))


def _is_mp3_at(source: Source, offset: int) -> bool:
    if source.read_at(offset, 3) == b"TAG":
        offset += _ID3V1_BYTES
    head = source.read_at(offset, 4)
    return head.startswith(b"ID3") or is_frame_header(head)


def _is_form_cut(source: Source, offset: int) -> bool:
    head = source.read_at(offset, 8)
    if head.startswith(b"RF64") or len(head) < 8:
        return len(head) < 8
    (declared,) = struct.unpack("<I" if head.startswith(b"RIFF") else ">I", head[4:])
    if declared > _LARGEST_PROMISED_BYTES:
        return False
    return bool(offset + 8 + declared > source.size_bytes + _SLACK_BYTES)


def _is_asf_cut(source: Source, offset: int) -> bool:
    header = source.read_at(offset, _ASF_HEADER_BYTES)
    at = header.find(_ASF_FILE_PROPERTIES) + _ASF_FILE_SIZE_AT
    if at < _ASF_FILE_SIZE_AT or len(header) < at + 8:
        return False
    (declared,) = struct.unpack_from("<Q", header, at)
    # Broadcasts leave 0.
    return bool(declared < _LARGEST_FILE_BYTES and offset + declared > source.size_bytes)
