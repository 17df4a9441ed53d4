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

import numpy as np
from numpy.typing import NDArray

from consumer.events import AudioSummary
from consumer.feature_reading import (
    EPOCH,
    GENRE_DECLARED,
    HEAD,
    MAGIC,
    MICROSECOND,
    STARTS_GIVEN,
    STOPPED_EARLY,
    VERSION,
    FeatureReader,
    invalid_record,
)
from consumer.feature_record import TrackFeatures
from featurizer.spec import FeatureSpec


def encode_features(track: TrackFeatures) -> bytes:
    """Give the value of a track's record.

    Raises
    ------
    ValueError
        A text has 64 KiB or more, a number is out of its field's range, or the starts are not the windows'.
    """
    flags = (
        (STARTS_GIVEN if track.starts_seconds is not None else 0)
        | (STOPPED_EARLY if track.stopped_early else 0)
        | (GENRE_DECLARED if track.declared_genre is not None else 0)
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
        head = HEAD.pack(
            MAGIC,
            VERSION,
            flags,
            width,
            n_windows,
            len(texts),
            (track.uploaded_at - EPOCH) // MICROSECOND,
            track.audio.duration_seconds,
            track.audio.sample_rate,
            0,
            bytes.fromhex(track.spec_fingerprint),
        )
    except struct.error as exc:
        raise ValueError(f"the features do not fit a record: {exc}") from exc
    padding = bytes(-len(texts) % 8)
    return b"".join((head, texts, padding, starts, track.features.astype("<f4", copy=False).tobytes()))


class FeatureDecoder:
    """Reads values of the log whose features one spec describes; safe from any thread.

    Parameters
    ----------
    spec : FeatureSpec
        The features that are wanted.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._reader = FeatureReader(spec)

    def decode(self, value: bytes | None) -> TrackFeatures:
        """Read the value of a record.

        Returns
        -------
        TrackFeatures
            Its array is read-only on a little-endian machine.

        Raises
        ------
        OtherFeaturesError
            The features were computed by another spec.
        UnsupportedSchemaVersionError
            The layout is newer than this code.
        InvalidFeatureRecordError
            The value is cut short, longer than it says, or holds what no track has.
        """
        logged = self._reader.read(value)
        return TrackFeatures(
            event_id=logged.event_id,
            track_id=logged.track_id,
            audio_uri=logged.audio_uri,
            uploaded_at=logged.uploaded,
            declared_genre=logged.declared_genre,
            audio=AudioSummary(
                duration_seconds=logged.duration_seconds,
                codec=logged.codec,
                sample_rate=logged.sample_rate,
                warnings=logged.warnings,
            ),
            policy=logged.policy,
            starts_seconds=logged.starts_seconds,
            stopped_early=logged.stopped_early,
            feature_set=logged.feature_set,
            spec_fingerprint=self._reader.fingerprint,
            features=_read_matrix(logged.matrix, (logged.n_windows, self._reader.width)),
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


def _read_matrix(matrix: bytes, shape: tuple[int, int]) -> NDArray[np.float32]:
    features = np.frombuffer(matrix, "<f4")
    if not np.isfinite(features).all():
        raise invalid_record("a feature is NaN or infinite")
    return features.reshape(shape).astype(np.float32, copy=False)
