"""A track's features come back from the log bit for bit, and what is no record is refused by name."""

from __future__ import annotations

import struct
from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.errors import (
    Disposition,
    EventError,
    InvalidFeatureRecordError,
    OtherFeaturesError,
    UnsupportedSchemaVersionError,
    disposition,
)
from consumer.events import AudioSummary
from consumer.feature_codec import FeatureDecoder, encode_features
from consumer.feature_reading import read_uploaded_at
from consumer.feature_record import TrackFeatures
from featurizer.spec import GTZAN57
from tests.consumer.feature_records import features_of

DECODER = FeatureDecoder(GTZAN57)
OTHER_SPEC = replace(GTZAN57, revision=99)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def _assert_same(found: TrackFeatures, expected: TrackFeatures) -> None:
    for field in fields(TrackFeatures):
        if field.name != "features":
            assert getattr(found, field.name) == getattr(expected, field.name), field.name
    assert found.features.dtype == np.float32
    assert found.features.shape == expected.features.shape
    assert found.features.tobytes() == expected.features.tobytes()


def test_a_track_comes_back_bit_for_bit() -> None:
    track = features_of("a")
    _assert_same(DECODER.decode(encode_features(track)), track)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_track_comes_back(data: st.DataObject) -> None:
    n_windows = data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    bits = rng.integers(0, 2**32, size=(n_windows, GTZAN57.width), dtype=np.uint32)
    matrix = bits.view(np.float32)
    starts = st.lists(st.floats(0, 1e5), min_size=n_windows, max_size=n_windows, unique=True)
    track = TrackFeatures(
        event_id=data.draw(IDS),
        track_id=data.draw(IDS),
        audio_uri=data.draw(IDS),
        uploaded_at=data.draw(st.datetimes(timezones=st.just(UTC))),
        declared_genre=data.draw(st.none() | TEXTS),
        audio=AudioSummary(
            duration_seconds=data.draw(st.floats(0, 1e9)),
            codec=data.draw(TEXTS),
            sample_rate=data.draw(st.integers(1, 2**32 - 1)),
            warnings=tuple(data.draw(st.lists(TEXTS, max_size=3))),
        ),
        policy=data.draw(TEXTS),
        starts_seconds=tuple(sorted(data.draw(starts))) if data.draw(st.booleans()) else None,
        stopped_early=data.draw(st.booleans()),
        feature_set=data.draw(TEXTS),
        spec_fingerprint=GTZAN57.fingerprint,
        features=np.where(np.isfinite(matrix), matrix, np.float32(0.0)),
    )
    _assert_same(DECODER.decode(encode_features(track)), track)


def test_a_song_of_ten_windows_takes_little_more_than_its_floats() -> None:
    assert len(encode_features(features_of("track-1", n_windows=10))) < 10 * 57 * 4 + 256


def test_the_layout_is_the_one_that_is_written_down() -> None:
    moment = datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)
    track = replace(features_of("é", n_windows=1), uploaded_at=moment, starts_seconds=(1.5,))
    value = encode_features(track)
    assert value[:8] == b"GSFL\x01\x05\x39\x00"
    n_windows, n_text_bytes, uploaded_at = struct.unpack_from("<IIq", value, 8)
    assert (n_windows, uploaded_at) == (1, 1_000_005)
    assert value[40:72] == bytes.fromhex(GTZAN57.fingerprint)
    texts = value[72 : 72 + n_text_bytes]
    assert struct.unpack_from("<9H", texts) == (8, 8, 2, 20, 3, 7, 3, 4, 7)
    assert texts[18:28] == "event-éé".encode()
    assert struct.unpack_from("<d", value, len(value) - 57 * 4 - 8) == (1.5,)
    assert value[-57 * 4 :] == track.features.tobytes()


def test_the_time_of_the_upload_is_read_without_the_rest() -> None:
    value = encode_features(replace(features_of("a"), uploaded_at=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)))
    assert read_uploaded_at(value) == 2_000_000


def test_features_of_another_spec_are_refused_by_their_own_name() -> None:
    value = encode_features(replace(features_of("a"), spec_fingerprint=OTHER_SPEC.fingerprint))
    with pytest.raises(OtherFeaturesError, match="from their audio") as caught:
        DECODER.decode(value)
    assert FeatureDecoder(OTHER_SPEC).decode(value).track_id == "a"
    assert isinstance(caught.value, EventError)
    assert disposition(caught.value) is Disposition.DEAD_LETTER


def test_a_newer_layout_is_refused_as_such() -> None:
    value = bytearray(encode_features(features_of("a")))
    value[4] = 2
    with pytest.raises(UnsupportedSchemaVersionError, match="version=2"):
        DECODER.decode(bytes(value))


def test_every_shorter_and_every_longer_value_is_refused() -> None:
    value = encode_features(features_of("a", n_windows=2))
    for size in range(len(value)):
        with pytest.raises(InvalidFeatureRecordError):
            DECODER.decode(value[:size])
    with pytest.raises(InvalidFeatureRecordError):
        DECODER.decode(value + b"\0")


@pytest.mark.parametrize("value", [None, b"", b"{}", b"GSFL", bytes(500)])
def test_what_is_no_record_at_all_is_refused(value: bytes | None) -> None:
    with pytest.raises(InvalidFeatureRecordError, match="not a record of the feature log"):
        DECODER.decode(value)
    with pytest.raises(InvalidFeatureRecordError):
        read_uploaded_at(value)


@pytest.mark.parametrize(
    ("place", "form", "number"),
    [
        (4, "<B", 0),  # version
        (5, "<B", 0xF8),  # flags
        (8, "<I", 0),  # windows
        (8, "<I", 2**32 - 1),
        (12, "<I", 2**32 - 1),  # texts
        (12, "<I", 3),
        (16, "<q", 2**63 - 1),  # a year beyond 9999
        (24, "<d", float("nan")),  # duration
        (24, "<d", -1.0),
        (32, "<I", 0),  # sample rate
        (36, "<I", 1),
        (72, "<H", 65_535),  # the number of texts
        (72, "<H", 0),
        (72, "<H", 6),
        (74, "<H", 65_535),  # the first text's length
        (74, "<H", 0),
    ],
)
def test_a_field_that_lies_is_refused(place: int, form: str, number: float) -> None:
    value = bytearray(encode_features(features_of("a")))
    struct.pack_into(form, value, place, number)
    with pytest.raises(InvalidFeatureRecordError):
        DECODER.decode(bytes(value))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_features_that_are_no_numbers_are_refused(bad: float) -> None:
    track = features_of("a")
    matrix = track.features.copy()
    matrix[1, 3] = bad
    with pytest.raises(InvalidFeatureRecordError, match="NaN or infinite"):
        DECODER.decode(encode_features(replace(track, features=matrix)))


@pytest.mark.parametrize("starts", [(3.0, 0.0, 6.0), (float("nan"), 1.0, 2.0), (0.0, 1.0, float("inf"))])
def test_starts_that_do_not_rise_are_refused(starts: tuple[float, ...]) -> None:
    value = encode_features(replace(features_of("a", n_windows=3), starts_seconds=starts))
    with pytest.raises(InvalidFeatureRecordError, match="starts"):
        DECODER.decode(value)


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_one_changed_byte_never_does_more_than_change_a_value_or_be_refused(place: int, byte: int) -> None:
    value = bytearray(encode_features(features_of("a", n_windows=1)))
    value[place % len(value)] = byte
    try:
        found = DECODER.decode(bytes(value))
    except EventError:
        return
    assert found.features.shape == (1, GTZAN57.width)


@pytest.mark.parametrize(
    "change", [{"policy": "x" * 70_000}, {"starts_seconds": (0.0,)}], ids=["a long text", "too few starts"]
)
def test_what_fits_no_record_is_not_encoded(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fit|starts"):
        encode_features(replace(features_of("a", n_windows=2), **change))  # type: ignore[arg-type]  # by name
