"""Turns a track's features into the binary value of the feature log, and back, bit for bit.

A value is little-endian, in this order, and holds nothing else:

======  ======  =========  =========================================================================
offset  bytes   type       what
======  ======  =========  =========================================================================
0       4       bytes      `GSFL`
4       1       uint8      version of this layout: 1
5       1       uint8      flags: 1 starts are given, 2 stopped early, 4 a genre was declared
6       2       uint16     width: features of a window
8       4       uint32     n: windows, at least 1
12      4       uint32     t: bytes of the texts
16      8       int64      `uploaded_at`, microseconds since 1970 in UTC
24      8       float64    duration of the audio, seconds
32      4       uint32     its sample rate, Hz
36      4       uint32     0
40      32      bytes      SHA-256 of the feature spec: its fingerprint
72      t       texts      how many, and the bytes of each, as uint16; then their UTF-8: event_id, track_id,
                           audio_uri, policy, feature_set, codec, declared genre (empty where none was),
                           and the warnings
72+t    0 to 7  bytes      zeros, up to a multiple of 8
        8 n     float64    where the starts are given: each window's, in seconds, rising
        4 n w   float32    the features, a row a window in order of time, as they were computed
======  ======  =========  =========================================================================

Nothing is compressed: zlib makes the features of ten windows of music 2% smaller. A record of the log has the
track's id as key and the upload's headers; a null value (a tombstone) says that the track is gone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import AnyStr, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from consumer.errors import InvalidFeatureRecordError, OtherFeaturesError, UnsupportedSchemaVersionError
from consumer.events import AudioSummary
from consumer.feature_record import TrackFeatures
from featurizer.spec import FeatureSpec

MAGIC: Final = b"GSFL"
VERSION: Final = 1

_HEAD: Final = struct.Struct("<4sBBHIIqdII32s")
_LENGTH: Final = struct.Struct("<H")
_STARTS_GIVEN: Final = 1
_STOPPED_EARLY: Final = 2
_GENRE_DECLARED: Final = 4
_KNOWN_FLAGS: Final = _STARTS_GIVEN | _STOPPED_EARLY | _GENRE_DECLARED
_FIXED_TEXTS: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MAX_ID_LENGTH: Final = 1_024  # characters, as in an upload


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
        texts_end = _HEAD.size + self.n_text_bytes
        starts = texts_end + -self.n_text_bytes % 8
        features = starts + (8 * self.n_windows if self.flags & _STARTS_GIVEN else 0)
        return texts_end, starts, features, features + 4 * self.n_windows * self.width


def encode_features(track: TrackFeatures) -> bytes:
    """Give the value of a track's record.

    Raises
    ------
    ValueError
        A text has 64 KiB or more, a number is out of its field's range, or the starts are not the windows'.
    """
    flags = (
        (_STARTS_GIVEN if track.starts_seconds is not None else 0)
        | (_STOPPED_EARLY if track.stopped_early else 0)
        | (_GENRE_DECLARED if track.declared_genre is not None else 0)
    )
    n_windows, width = track.features.shape
    starts = b""
    if track.starts_seconds is not None:
        if len(track.starts_seconds) != n_windows:
            raise ValueError(f"windows={n_windows} but starts={len(track.starts_seconds)}")
        starts = np.asarray(track.starts_seconds, dtype="<f8").tobytes()
    try:
        encoded = [text.encode() for text in _texts_of(track)]
        lengths = map(len, encoded)
        texts = struct.pack(f"<H{len(encoded)}H", len(encoded), *lengths) + b"".join(encoded)
        head = _HEAD.pack(
            MAGIC,
            VERSION,
            flags,
            width,
            n_windows,
            len(texts),
            (track.uploaded_at - _EPOCH) // _MICROSECOND,
            track.audio.duration_seconds,
            track.audio.sample_rate,
            0,
            bytes.fromhex(track.spec_fingerprint),
        )
    except struct.error as exc:
        raise ValueError(f"the features do not fit a record: {exc}") from exc
    padding = bytes(-len(texts) % 8)
    return b"".join((head, texts, padding, starts, track.features.astype("<f4", copy=False).tobytes()))


def read_uploaded_at(value: bytes | None) -> int:
    """Give a record's `uploaded_at` in microseconds since 1970, and nothing of the rest: it is not checked.

    Raises
    ------
    InvalidFeatureRecordError
        The value is no record of the feature log.
    UnsupportedSchemaVersionError
        Its layout is newer than this code.
    """
    return _read_head(value).uploaded_at


class FeatureDecoder:
    """Reads values of the log whose features one spec describes; safe from any thread.

    Parameters
    ----------
    spec : FeatureSpec
        The features that are wanted.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._fingerprint = spec.fingerprint  # computed anew, and hashed, at every look
        self._digest = bytes.fromhex(self._fingerprint)
        self._width = spec.width

    def decode(self, value: bytes | None) -> TrackFeatures:
        """Read the value of a record.

        Returns
        -------
        TrackFeatures
            Its array is a view of `value` on a little-endian machine, and read-only.

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
            raise _invalid("unknown flags")
        if head.fingerprint != self._digest or head.width != self._width:
            raise OtherFeaturesError(
                f"features of another spec: fingerprint={head.fingerprint.hex()[:12]} width={head.width} "
                f"expected={self._spec.name}/{self._fingerprint[:12]}: relabel these tracks from their audio"
            )
        return self._read(value, head)

    def _read(self, value: bytes, head: _Head) -> TrackFeatures:
        texts_end, starts_place, features_place, end = head.places()
        if head.n_windows == 0 or len(value) != end:
            raise _invalid(f"bytes={len(value)} expected={end} windows={head.n_windows}")
        if value[texts_end:starts_place].strip(b"\0"):
            raise _invalid("what fills up the texts is not zero")
        texts = _read_texts(value[_HEAD.size : texts_end])
        uploaded_at, audio = _read_audio(head, codec=texts[5], warnings=tuple(texts[_FIXED_TEXTS:]))
        starts_given = head.flags & _STARTS_GIVEN
        return TrackFeatures(
            event_id=texts[0],
            track_id=texts[1],
            audio_uri=texts[2],
            uploaded_at=uploaded_at,
            declared_genre=texts[6] if head.flags & _GENRE_DECLARED else None,
            audio=audio,
            policy=texts[3],
            starts_seconds=_read_starts(value, starts_place, head.n_windows) if starts_given else None,
            stopped_early=bool(head.flags & _STOPPED_EARLY),
            feature_set=texts[4],
            spec_fingerprint=self._fingerprint,
            features=_read_matrix(value, features_place, (head.n_windows, head.width)),
        )


def _texts_of(track: TrackFeatures) -> tuple[str, ...]:
    return (
        track.event_id,
        track.track_id,
        track.audio_uri,
        track.policy,
        track.feature_set,
        track.audio.codec,
        track.declared_genre or "",
        *track.audio.warnings,
    )


def _read_head(value: bytes | None) -> _Head:
    if value is None or len(value) < _HEAD.size or value[:4] != MAGIC:
        raise _invalid("it does not begin as one, or is shorter than the shortest")
    if value[4] > VERSION:
        raise UnsupportedSchemaVersionError(
            f"the feature record has version={value[4]}, this release reads up to {VERSION}: upgrade it"
        )
    if value[4] != VERSION:
        raise _invalid(f"version={value[4]}")
    return _Head(*_HEAD.unpack_from(value))


def _read_texts(block: bytes) -> list[str]:
    try:
        (count,) = _LENGTH.unpack_from(block)
        lengths = struct.unpack_from(f"<{count}H", block, _LENGTH.size)
        written = block[_LENGTH.size * (1 + count) :]
        text = written.decode()
        if sum(lengths) != len(written):
            raise _invalid("the lengths of its texts do not add up")
        if len(text) == len(written):
            texts = _cut(text, lengths)
        else:  # not plain ASCII: the lengths count bytes
            texts = [part.decode() for part in _cut(written, lengths)]
    except (struct.error, UnicodeDecodeError) as exc:
        raise _invalid("its texts cannot be read") from exc
    if count < _FIXED_TEXTS:
        raise _invalid(f"texts={count} expected={_FIXED_TEXTS} or more")
    if not (0 < len(texts[0]) <= _MAX_ID_LENGTH and 0 < len(texts[1]) <= _MAX_ID_LENGTH):
        raise _invalid("event_id and track_id have 1 to 1,024 characters")
    return texts


def _cut(whole: AnyStr, lengths: Iterable[int]) -> list[AnyStr]:
    parts = []
    place = 0
    for length in lengths:
        parts.append(whole[place : place + length])
        place += length
    return parts


def _read_audio(head: _Head, *, codec: str, warnings: tuple[str, ...]) -> tuple[datetime, AudioSummary]:
    try:
        audio = AudioSummary(
            duration_seconds=head.duration_seconds,
            codec=codec,
            sample_rate=head.sample_rate,
            warnings=warnings,
        )
        return _EPOCH + timedelta(microseconds=head.uploaded_at), audio
    except (OverflowError, ValidationError) as exc:
        raise _invalid(
            f"duration={head.duration_seconds} sample_rate={head.sample_rate} uploaded_at={head.uploaded_at}"
        ) from exc


def _read_starts(value: bytes, place: int, n_windows: int) -> tuple[float, ...]:
    starts = np.frombuffer(value, "<f8", count=n_windows, offset=place)
    # Written so that NaN fails each comparison.
    rising = bool(np.all(starts[1:] > starts[:-1]))
    if not (rising and starts[0] >= 0.0 and np.isfinite(starts[-1])):
        raise _invalid("the windows' starts do not rise from 0 s on")
    return tuple(starts.tolist())


def _read_matrix(value: bytes, place: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    features = np.frombuffer(value, "<f4", count=shape[0] * shape[1], offset=place)
    if not np.isfinite(features).all():
        raise _invalid("a feature is NaN or infinite")
    return features.reshape(shape).astype(np.float32, copy=False)


def _invalid(why: str) -> InvalidFeatureRecordError:
    return InvalidFeatureRecordError(f"not a record of the feature log: {why}")
