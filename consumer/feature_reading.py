"""Turns the binary value of the feature log into its fields, checked all but the features' own numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import AnyStr, Final, NamedTuple

import numpy as np

from consumer.errors import InvalidFeatureRecordError, OtherFeaturesError, UnsupportedSchemaVersionError
from featurizer.spec import FeatureSpec

MAGIC: Final = b"GSFL"
VERSION: Final = 1

HEAD: Final = struct.Struct("<4sBBHIIqdII32s")
_UPLOADED_AT: Final = struct.Struct("<q")
_UPLOADED_AT_PLACE: Final = 16
_LENGTH: Final = struct.Struct("<H")
STARTS_GIVEN: Final = 1
STOPPED_EARLY: Final = 2
GENRE_DECLARED: Final = 4
_KNOWN_FLAGS: Final = STARTS_GIVEN | STOPPED_EARLY | GENRE_DECLARED
_FIXED_TEXTS: Final = 7
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_MAX_ID_LENGTH: Final = 1_024  # characters, as in an upload


class LoggedTrack(NamedTuple):
    """A record of the log as it stands there, its features still bytes; see `TrackFeatures` for the words.

    A named tuple, because millions are read: a checked model and an array for each took twice the time.

    Attributes
    ----------
    uploaded_at : int
        Microseconds since 1970 in UTC.
    matrix : bytes
        The features, little-endian float32 [n_windows, width]: not looked at, they may be NaN or infinite.
    """

    event_id: str
    track_id: str
    audio_uri: str
    uploaded_at: int
    declared_genre: str | None
    duration_seconds: float
    codec: str
    sample_rate: int
    warnings: tuple[str, ...]
    policy: str
    starts_seconds: tuple[float, ...] | None
    stopped_early: bool
    feature_set: str
    n_windows: int
    matrix: bytes

    @property
    def uploaded(self) -> datetime:
        """The moment of the upload, in UTC."""
        return EPOCH + timedelta(microseconds=self.uploaded_at)


class _Head(NamedTuple):
    """What stands before the texts."""

    magic: bytes
    version: int
    flags: int
    width: int
    n_windows: int
    n_text_bytes: int
    uploaded_at: int
    duration_seconds: float
    sample_rate: int
    zero: int
    fingerprint: bytes

    def places(self) -> tuple[int, int, int, int]:
        """Give where the texts end, the starts begin, the features begin, and the value ends."""
        texts_end = HEAD.size + self.n_text_bytes
        starts = texts_end + -self.n_text_bytes % 8
        features = starts + (8 * self.n_windows if self.flags & STARTS_GIVEN else 0)
        return texts_end, starts, features, features + 4 * self.n_windows * self.width


def read_uploaded_at(value: bytes | None) -> int:
    """Give a record's `uploaded_at` in microseconds since 1970, and nothing of the rest: it is not checked.

    Raises
    ------
    InvalidFeatureRecordError
        The value is no record of the feature log.
    UnsupportedSchemaVersionError
        Its layout is newer than this code.
    """
    _check_kind(value)
    moment: int = _UPLOADED_AT.unpack_from(value or b"", _UPLOADED_AT_PLACE)[0]
    return moment


class FeatureReader:
    """Reads values of the log whose features one spec describes; safe from any thread.

    Parameters
    ----------
    spec : FeatureSpec
        The features that are wanted.

    Attributes
    ----------
    fingerprint : str
        The spec's.
    width : int
        Features of a window.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self.fingerprint = spec.fingerprint  # computed anew, and hashed, at every look
        self._digest = bytes.fromhex(self.fingerprint)
        self.width = spec.width

    def read(self, value: bytes | None) -> LoggedTrack:
        """Read the value of a record and leave its features' numbers alone.

        Raises
        ------
        OtherFeaturesError
            The features were computed by another spec.
        UnsupportedSchemaVersionError
            The layout is newer than this code.
        InvalidFeatureRecordError
            The value is cut short, longer than it says, or holds what no track has.
        """
        head = _read_head(value)
        if value is None or head.zero or head.flags & ~_KNOWN_FLAGS:
            raise invalid_record("unknown flags")
        if head.fingerprint != self._digest or head.width != self.width:
            raise OtherFeaturesError(
                f"features of another spec: fingerprint={head.fingerprint.hex()[:12]} width={head.width} "
                f"expected={self._spec.name}/{self.fingerprint[:12]}: relabel these tracks from their audio"
            )
        texts_end, starts_place, features_place, end = head.places()
        if head.n_windows == 0 or len(value) != end:
            raise invalid_record(f"bytes={len(value)} expected={end} windows={head.n_windows}")
        if value[texts_end:starts_place].strip(b"\0"):
            raise invalid_record("what fills up the texts is not zero")
        _check_audio(head)
        texts = _read_texts(value[HEAD.size : texts_end])
        event_id, track_id, audio_uri, policy, feature_set, codec, declared_genre = texts[:_FIXED_TEXTS]
        return LoggedTrack(
            event_id,
            track_id,
            audio_uri,
            head.uploaded_at,
            declared_genre if head.flags & GENRE_DECLARED else None,
            head.duration_seconds,
            codec,
            head.sample_rate,
            tuple(texts[_FIXED_TEXTS:]),
            policy,
            _read_starts(value, starts_place, head.n_windows) if head.flags & STARTS_GIVEN else None,
            bool(head.flags & STOPPED_EARLY),
            feature_set,
            head.n_windows,
            value[features_place:end],
        )


def _check_kind(value: bytes | None) -> None:
    if value is None or len(value) < HEAD.size or value[:4] != MAGIC:
        raise invalid_record("it does not begin as one, or is shorter than the shortest")
    if value[4] > VERSION:
        raise UnsupportedSchemaVersionError(
            f"the feature record has version={value[4]}, this release reads up to {VERSION}: upgrade it"
        )
    if value[4] != VERSION:
        raise invalid_record(f"version={value[4]}")


def _read_head(value: bytes | None) -> _Head:
    _check_kind(value)
    return _Head(*HEAD.unpack_from(value or b""))


def _read_texts(block: bytes) -> list[str]:
    try:
        (count,) = _LENGTH.unpack_from(block)
        lengths = struct.unpack_from(f"<{count}H", block, _LENGTH.size)
        written = block[_LENGTH.size * (1 + count) :]
        text = written.decode()
        if sum(lengths) != len(written):
            raise invalid_record("the lengths of its texts do not add up")
        if len(text) == len(written):
            texts = _cut(text, lengths)
        else:  # not plain ASCII: the lengths count bytes
            texts = [part.decode() for part in _cut(written, lengths)]
    except (struct.error, UnicodeDecodeError) as exc:
        raise invalid_record("its texts cannot be read") from exc
    if count < _FIXED_TEXTS:
        raise invalid_record(f"texts={count} expected={_FIXED_TEXTS} or more")
    if not (0 < len(texts[0]) <= _MAX_ID_LENGTH and 0 < len(texts[1]) <= _MAX_ID_LENGTH):
        raise invalid_record("event_id and track_id have 1 to 1,024 characters")
    return texts


def _cut(whole: AnyStr, lengths: Iterable[int]) -> list[AnyStr]:
    parts = []
    place = 0
    for length in lengths:
        parts.append(whole[place : place + length])
        place += length
    return parts


def _check_audio(head: _Head) -> None:
    # Written so that NaN fails.
    lasting = 0.0 <= head.duration_seconds < math.inf
    if not (lasting and head.sample_rate > 0 and _FIRST <= head.uploaded_at <= _LAST):
        raise invalid_record(
            f"duration={head.duration_seconds} sample_rate={head.sample_rate} uploaded_at={head.uploaded_at}"
        )


def _read_starts(value: bytes, place: int, n_windows: int) -> tuple[float, ...]:
    starts = np.frombuffer(value, "<f8", count=n_windows, offset=place)
    # Written so that NaN fails each comparison.
    rising = bool(np.all(starts[1:] > starts[:-1]))
    if not (rising and starts[0] >= 0.0 and np.isfinite(starts[-1])):
        raise invalid_record("the windows' starts do not rise from 0 s on")
    return tuple(starts.tolist())


def invalid_record(why: str) -> InvalidFeatureRecordError:
    """Give the error of a value that is no record of the log."""
    return InvalidFeatureRecordError(f"not a record of the feature log: {why}")
