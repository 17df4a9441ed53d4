"""Notifications of each store become uploads of just the object that was stored, and of nothing else."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.errors import EventError, ForbiddenUriError, InvalidEventError
from consumer.events import TrackUploaded, decode_upload
from consumer.fetch.uris import ObjectLocation, locate
from consumer.jobs import InputRecord
from consumer.loop.adapters import Announcement
from consumer.loop.adapters.bucket_notification import (
    FOLDER,
    OTHER_EVENT,
    REMOVED,
    TEST_EVENT,
    ObjectKeys,
    read_bucket_notification,
)
from tests.consumer.loop.adapters.generated import ANY_JSON
from tests.consumer.records import upload_event, upload_record

SAMPLES = Path(__file__).with_name("samples")
STORES = ("minio", "moto", "versity")
"""What these servers sent; moto speaks as AWS does."""
KEY = "a dir/100% l+ve+hate trück.mp3"
OBJECT = {"key": "a.mp3", "size": 10, "eTag": "abc", "sequencer": "1"}


def messages(store: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{store}.jsonl").read_text("utf-8").splitlines()]


def read(message: object, *, object_keys: ObjectKeys = "auto", timestamp_ms: int = 1_000) -> Announcement:
    value = json.dumps(message).encode()
    place = upload_record().topic_partition
    return read_bucket_notification(
        InputRecord(place, 0, None, value, timestamp_ms=timestamp_ms), object_keys=object_keys
    )


def created(key: str, *, event_name: str = "s3:ObjectCreated:Put", **changes: Any) -> dict[str, Any]:
    item = {**OBJECT, "key": key, **changes}
    return {
        "eventName": event_name,
        "eventTime": "2026-01-02T03:04:05Z",
        "s3": {"bucket": {"name": "music"}, "object": item},
    }


def upload(message: object, *, object_keys: ObjectKeys = "auto") -> TrackUploaded:
    (one,) = read(message, object_keys=object_keys).uploads
    assert decode_upload(one.wire) == one.event, "what a retry topic takes is another event"
    return one.event


def upload_of_key(key: str, *, object_keys: ObjectKeys = "auto", **changes: Any) -> TrackUploaded:
    return upload({"Records": [created(key, **changes)]}, object_keys=object_keys)


def keys_of(event: TrackUploaded) -> tuple[str, ...]:
    """Give the keys that a fetch of the event may read."""
    location = locate(event.audio_uri, spelling=event.audio_uri_spelling)
    assert isinstance(location, ObjectLocation)
    return location.keys


@pytest.mark.parametrize("store", STORES)
def test_a_key_of_any_characters_is_the_same_track_whatever_the_store(store: str) -> None:
    events = [upload for message in messages(store) for upload in read(message).uploads]
    event = next(one.event for one in events if "l+ve" in one.event.track_id)
    assert event.track_id == f"music/{KEY}"
    assert keys_of(event) == (KEY,)


@pytest.mark.parametrize(
    ("store", "skipped"),
    [("minio", {FOLDER, REMOVED}), ("moto", {TEST_EVENT}), ("versity", {TEST_EVENT, FOLDER, REMOVED})],
)
def test_what_is_no_new_object_is_skipped_and_named(store: str, skipped: set[str]) -> None:
    announcements = [read(message) for message in messages(store)]
    assert all(len(one.uploads) + len(one.skipped) == 1 for one in announcements)
    assert {reason for one in announcements for reason in one.skipped} == skipped


@pytest.mark.parametrize("store", STORES)
def test_every_way_of_creating_an_object_is_an_upload(store: str) -> None:
    tracks = {upload.event.track_id for message in messages(store) for upload in read(message).uploads}
    assert {"music/copy.mp3", "music/plain.mp3" if store == "moto" else "music/multi.mp3"} <= tracks


def test_several_records_of_one_message_are_sorted_into_uploads_and_skipped() -> None:
    records = [
        created("a.mp3"),
        {"eventName": "ObjectRemoved:DeleteMarkerCreated"},
        created("b+c.mp3", event_name="ObjectCreated:CompleteMultipartUpload"),
        {"eventName": "s3:ObjectTagging:Put"},
        {"eventName": "LifecycleExpiration:Delete"},
        created("folder%2F", size=0),
        created("folder/"),
    ]
    announcement = read({"Records": records})
    assert [one.event.track_id for one in announcement.uploads] == [
        "music/a.mp3",
        "music/b c.mp3",
        "music/folder/",
    ]
    assert sorted(announcement.skipped) == sorted([REMOVED, OTHER_EVENT, REMOVED, FOLDER])
    assert len({one.event.event_id for one in announcement.uploads}) == 3


def test_characters_that_encoders_treat_in_their_own_ways_are_read_as_minio_wrote_them() -> None:
    tracks = {one.event.track_id for message in messages("minio") for one in read(message).uploads}
    assert "music/~*'(x)!&=$,;:@.mp3" in tracks


@pytest.mark.parametrize("store", ["minio", "versity"])
def test_stores_that_tell_how_they_spell_leave_no_other_reading(store: str) -> None:
    uploads = [upload for message in messages(store) for upload in read(message).uploads]
    assert len(uploads) >= 3
    assert all(upload.event.otherwise is None for upload in uploads)


def test_a_message_that_gives_nothing_away_carries_the_other_reading() -> None:
    event = upload_of_key("100%25+love.mp3")
    assert event.track_id == "music/100% love.mp3"
    assert event.otherwise is not None
    other = event.read_otherwise()
    assert other.track_id == "music/100%25+love.mp3"
    assert (keys_of(event), keys_of(other)) == (("100% love.mp3",), ("100%25+love.mp3",))
    assert (other.event_id, other.otherwise) == (event.event_id, None)


def test_an_etag_in_quotation_marks_tells_that_the_key_is_literal() -> None:
    event = upload_of_key("100%25+love.mp3", eTag='"abc"')
    assert (keys_of(event), event.otherwise) == (("100%25+love.mp3",), None)


def test_a_key_at_the_top_tells_how_it_is_spelled_below() -> None:
    encoded = upload({"Key": "music/100% love.mp3", "Records": [created("100%25+love.mp3")]})
    literal = upload({"Key": "music/100%25+love.mp3", "Records": [created("100%25+love.mp3")]})
    assert (keys_of(encoded), encoded.otherwise) == (("100% love.mp3",), None)
    assert (keys_of(literal), literal.otherwise) == (("100%25+love.mp3",), None)


def test_a_key_that_reads_alike_both_ways_has_one_reading() -> None:
    assert upload_of_key("a/b.mp3").otherwise is None


@pytest.mark.parametrize("object_keys", ["encoded", "literal"])
def test_the_setting_decides_where_it_is_set(object_keys: ObjectKeys) -> None:
    event = upload_of_key("100%25+love.mp3", object_keys=object_keys)
    expected = {"encoded": "100% love.mp3", "literal": "100%25+love.mp3"}[object_keys]
    assert (event.track_id, keys_of(event)) == (f"music/{expected}", (expected,))
    assert event.otherwise is None


@pytest.mark.parametrize("clue", ["a b", "ü", "100%", "%zz", "%ff", "a?b", "a#b", 'a"b'])
def test_a_key_that_cannot_be_encoded_is_literal_and_so_are_its_neighbours(clue: str) -> None:
    announcement = read({"Records": [created("love+hate.mp3"), created(f"{clue}.mp3")]})
    assert [one.event.track_id for one in announcement.uploads] == [
        "music/love+hate.mp3",
        f"music/{clue}.mp3",
    ]
    assert all(one.event.otherwise is None for one in announcement.uploads)


def test_a_key_that_contradicts_the_setting_is_named() -> None:
    with pytest.raises(InvalidEventError, match="not URL-encoded"):
        upload_of_key("a b.mp3", object_keys="encoded")


def test_an_event_id_tells_versions_apart_and_repeats_not() -> None:
    first = upload_of_key("a.mp3").event_id
    assert upload_of_key("a.mp3", eTag='"abc"').event_id == first
    assert upload_of_key("a.mp3", versionId="null").event_id == first
    others = [
        upload_of_key("b.mp3"),
        upload_of_key("a.mp3", eTag="abd"),
        upload_of_key("a.mp3", sequencer="2"),
        upload_of_key("a.mp3", versionId="v1"),
        upload_of_key("a.mp3", sequencer=None),
    ]
    assert len({first, *(event.event_id for event in others)}) == 6


def test_the_longest_key_of_an_object_store_makes_an_event() -> None:
    key = ("%/ü " * 256)[:204] + "x" * (1_024 - 255)
    assert len(key.encode()) == 1_024
    message = {"Records": [created(key, eTag='"abc"')]}
    message["Records"][0]["s3"]["bucket"]["name"] = "b" * 255
    assert upload(message).track_id == "b" * 255 + "/" + key


def test_a_record_without_its_time_was_uploaded_when_it_arrived() -> None:
    event = created("a.mp3")
    del event["eventTime"]
    (one,) = read({"Records": [event]}, timestamp_ms=1_700_000_000_000).uploads
    assert one.event.uploaded_at.timestamp() == 1_700_000_000


def test_a_redriven_retry_is_read_as_what_it_is() -> None:
    event = upload_event()
    announcement = read_bucket_notification(upload_record(value=event.model_dump_json().encode()))
    assert [one.event for one in announcement.uploads] == [event]


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"Records": {}},
        {"Records": [1]},
        {"Records": [{"eventName": 1}]},
        {"Records": [{"eventName": "ObjectCreated:Put"}]},
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {}, "object": {"key": "a"}}}]},
        {"Records": [created("")]},
        {"Records": [created("a.mp3"), created("a.mp3") | {"eventTime": "yesterday"}]},
    ],
)
def test_what_is_no_notification_is_named(message: object) -> None:
    with pytest.raises(InvalidEventError):
        read(message)


def test_a_message_without_records_in_it_announces_nothing() -> None:
    assert read({"Records": []}) == Announcement((), ())


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(KEYS, st.sampled_from(["encoded", "literal"]))
def test_a_key_is_found_again_however_it_was_spelled(key: str, object_keys: ObjectKeys) -> None:
    # The standard library's web-form encoding is the oracle: so do AWS and MinIO spell keys.
    spelled = quote_plus(key) if object_keys == "encoded" else key
    event = upload_of_key(spelled, object_keys=object_keys)
    assert event.track_id == f"music/{key}"
    with contextlib.suppress(ForbiddenUriError):  # dot segments and the like are not fetched at all
        assert keys_of(event) == (key,)


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_a_key_is_never_lost_where_its_spelling_is_not_known(key: str) -> None:
    event = upload_of_key(key)
    assert f"music/{key}" in {event.track_id, event.read_otherwise().track_id}


@settings(max_examples=30, deadline=None)
@given(ANY_JSON, ANY_JSON, ANY_JSON)
def test_any_json_is_an_announcement_or_a_named_error(outer: object, inner: object, item: object) -> None:
    for message in (
        outer,
        {"Records": [inner], "Key": outer},
        {"Records": [{"eventName": "ObjectCreated:Put", "eventTime": inner, "s3": outer}]},
        {"Records": [created("a.mp3") | {"s3": {"bucket": {"name": "b"}, "object": item}}]},
        {"Records": [created("a%2b.mp3", size=inner, eTag=item, versionId=outer)]},
    ):
        with contextlib.suppress(EventError):
            assert isinstance(read(message), Announcement)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_announcement_or_a_named_error(value: bytes) -> None:
    with contextlib.suppress(EventError):
        read_bucket_notification(upload_record(value=value))
