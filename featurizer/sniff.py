"""Turns a file's first bytes into the name of its container, so that its name never has to be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from featurizer.mpeg import find_first_frame, is_frame_header
from featurizer.source import Source

Container = Literal["wav", "aiff", "flac", "mp3", "ogg_vorbis", "ogg", "asf", "known", "unknown"]
"""What the bytes claim to be; `known` is any other container of sound or video, for FFmpeg to take apart."""

_HEAD_BYTES = 64  # the longest signature below ends at byte 43
_MAX_TAGS = 8  # ID3 tags before the audio; files in the wild have one or two
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML_HEADER = bytes.fromhex("1a45dfa3")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes show.

    Attributes
    ----------
    container : Container
    offset : int
        Where the container begins, in bytes: after any ID3v2 tags, and junk before an MP3's first frame.
    is_certain : bool
        Whether chance cannot produce such bytes; a bare MPEG frame header is 11 set bits and a little.
    """

    container: Container
    offset: int
    is_certain: bool


def sniff(source: Source) -> Sniffed:
    """Name the container of a file by its content.

    Parameters
    ----------
    source : Source

    Returns
    -------
    Sniffed

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    offset = 0
    for _ in range(_MAX_TAGS):
        tag = source.read_at(offset, 10)
        if len(tag) < 10 or not tag.startswith(b"ID3"):
            break
        offset += id3v2_bytes(tag)
    container = _container_of(source.read_at(offset, _HEAD_BYTES))
    is_certain = offset > 0 or container not in ("mp3", "unknown")
    if container == "unknown":
        first_frame = find_first_frame(source, offset)
        if first_frame is not None:
            return Sniffed(container="mp3", offset=first_frame, is_certain=is_certain)
        # Only MPEG audio is commonly tagged so.
        container = "mp3" if offset else "unknown"
    return Sniffed(container=container, offset=offset, is_certain=is_certain)


def id3v2_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag whose first ten bytes these are, in bytes, header and footer included."""
    size = 0
    for byte in head[6:10]:
        size = (size << 7) | (byte & 0x7F)
    has_footer = bool(head[5] & 0x10)
    return 10 + size + (10 if has_footer else 0)


def _container_of(head: bytes) -> Container:
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        # The first page holds one packet, the codec's identification, after a table of one segment length.
        return "ogg_vorbis" if head[28:35] == b"\x01vorbis" else "ogg"
    if head.startswith(_ASF_HEADER):
        return "asf"
    if is_frame_header(head):
        return "mp3"
    return "known" if _is_other_container(head) else "unknown"


def _is_other_container(head: bytes) -> bool:
    return (
        head[4:8] in (b"ftyp", b"moov", b"styp")
        or head.startswith((_EBML_HEADER, b"FLV\x01", b"caff", b".snd", b"wvpk", b"MAC ", b"riff"))
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )
