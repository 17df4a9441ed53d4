"""Turns an audio URI, which anyone may have written, into a checked location or refuses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import AnyStr, Final
from urllib.parse import unquote_to_bytes

from consumer.errors import ForbiddenUriError
from consumer.events import Spelling

FILE_SCHEME: Final = "file"
OBJECT_SCHEMES: Final = frozenset({"s3", "gs", "az"})
WEB_SCHEMES: Final = frozenset({"http", "https"})

_SHOWN_LENGTH: Final = 200  # characters of a URI in a message: enough to find it, too few to flood a log
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_FORBIDDEN_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_USERINFO: Final = re.compile(r"(?<=//)[^/?#]*@")
_SECRETS: Final = re.compile(r"[?#].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A file on this machine; `paths` holds the ways to read the URI, most likely first."""

    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """An object in a store; `keys` holds the ways to read the URI, most likely first."""

    scheme: str
    bucket: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebLocation:
    """A resource of a web server; its client parses the URI, so that no two parsers differ."""

    uri: str


Location = FileLocation | ObjectLocation | WebLocation


def shown(uri: str) -> str:
    """Give `uri` for messages: quoted, shortened, without secrets (userinfo, query, fragment)."""
    masked = _SECRETS.sub(lambda match: match[0][0] + "***", _USERINFO.sub("***@", uri))
    if len(masked) > _SHOWN_LENGTH:
        masked = masked[:_SHOWN_LENGTH] + "..."
    return ascii(masked) if _FORBIDDEN_CHARACTERS.search(masked) else repr(masked)


def locate(uri: str, *, spelling: Spelling | None = None) -> Location:
    """Say what `uri` points at.

    Paths of `file:` and of object stores are percent-decoded once. `?` and `#` are part of them: these
    schemes have no queries, and tracks are called "Track #1.mp3". Many producers write keys that they did not
    encode, so the literal spelling is the second reading wherever it differs from the decoded one, unless
    `spelling` says which one is meant: then no other can be read.

    Raises
    ------
    ForbiddenUriError
        The scheme is not one of file, s3, gs, az, http, https, or the URI is malformed.
    """
    if _FORBIDDEN_CHARACTERS.search(uri):
        raise refused(uri, "it holds control characters or lone surrogates; percent-encode them or rename it")
    match = _SCHEME.fullmatch(uri)
    scheme = match[1].lower() if match else ""
    rest = match[2] if match else ""
    if scheme == FILE_SCHEME:
        return FileLocation(_file_paths(uri, rest, spelling))
    if scheme in OBJECT_SCHEMES:
        return _object_location(uri, scheme, rest, spelling)
    if scheme in WEB_SCHEMES:
        return WebLocation(uri)
    raise refused(uri, "its scheme is not one of file, s3, gs, az, http, https")


def refused(uri: str, why: str) -> ForbiddenUriError:
    """Make the error for a URI that may not be fetched."""
    return ForbiddenUriError(f"audio URI refused: uri={shown(uri)}: {why}")


def _file_paths(uri: str, rest: str, spelling: Spelling | None) -> tuple[bytes, ...]:
    path = rest
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise refused(uri, "a file: URI must name no host but localhost")
        path = slash + tail
    if not path.startswith("/"):
        raise refused(uri, "a file: URI needs an absolute path, as file:///music/track.mp3")
    readings = _readings(unquote_to_bytes(path), path.encode(), spelling)
    if b"\0" in readings[0]:
        raise refused(uri, "its path holds a NUL byte")
    return readings


def _object_location(uri: str, scheme: str, rest: str, spelling: Spelling | None) -> ObjectLocation:
    bucket, _, key = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not _BUCKET.fullmatch(bucket):
        raise refused(uri, f"it needs a bucket and a key, as {scheme}://bucket/track.mp3")
    try:
        decoded = key if spelling == "literal" else unquote_to_bytes(key).decode()
    except UnicodeDecodeError:
        raise refused(uri, "its percent-encoding is not UTF-8") from None
    keys = _readings(decoded, key, spelling)
    for reading in keys:
        _check_key(uri, reading, scheme)
    return ObjectLocation(scheme, bucket, keys)


def _readings(decoded: AnyStr, literal: AnyStr, spelling: Spelling | None) -> tuple[AnyStr, ...]:
    if spelling is not None:
        return (decoded if spelling == "encoded" else literal,)
    return tuple(dict.fromkeys((decoded, literal)))


def _check_key(uri: str, key: str, scheme: str) -> None:
    if not key:
        raise refused(uri, "its key is empty")
    if _FORBIDDEN_CHARACTERS.search(key):
        raise refused(uri, "its key holds control characters")
    segments = key.split("/")
    # Clients and servers fold such segments away: the key that is read is then not the one allowed.
    if not {".", ".."}.isdisjoint(segments):
        raise refused(uri, "its key holds a '.' or '..' segment; rename the object")
    if "" in segments and scheme != "s3":
        raise refused(uri, "its key holds an empty segment, which only S3 knows; rename the object")
