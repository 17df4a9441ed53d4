"""CloudEvents of every mode become uploads; what is none, or is not ours, is named."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.errors import EventError, InvalidEventError, UnsupportedSchemaVersionError
from consumer.events import TrackUploaded, decode_upload
from consumer.jobs import Headers, InputRecord
from consumer.loop.adapters import Announcement
from consumer.loop.adapters.cloud_event import OTHER_TYPE, read_cloud_events
from tests.consumer.loop.adapters.generated import ANY_JSON
from tests.consumer.records import upload_event, upload_record

STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENVELOPE = {
    "specversion": "1.0",
    "id": "42",
    "source": "/uploads/eu",
    "type": "org.example.track.uploaded",
    "subject": "track-7",
    "time": "2026-01-02T03:04:05.678Z",
    "datacontenttype": "application/json",
    "traceparent": TRACE,
    "tenant": "blue",
}
DATA = {"audio_uri": "s3://music/a%20b.mp3", "declared_genre": "jazz", "surprise": [1]}
EXPECTED = TrackUploaded(
    event_id="/uploads/eu 42",
    track_id="track-7",
    audio_uri="s3://music/a%20b.mp3",
    uploaded_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
    declared_genre="jazz",
)


def read(
    value: object, *, headers: Headers = STRUCTURED, types: frozenset[str] = frozenset()
) -> Announcement:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    place = upload_record().topic_partition
    return read_cloud_events(
        InputRecord(place, 0, b"k", body, headers, timestamp_ms=1_700_000_000_000), types=types
    )


def structured(data: object = None, **changes: object) -> dict[str, Any]:
    event = {**ENVELOPE, **changes, "data": DATA if data is None else data}
    return {name: value for name, value in event.items() if value is not None}


def binary(data: object = None, **changes: str | None) -> tuple[bytes, Headers]:
    """Give value and headers as the Kafka protocol binding lays them out."""
    attributes = {**ENVELOPE, **changes}
    content_type = attributes.pop("datacontenttype")
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items() if text is not None]
    if content_type is not None:
        headers.append(("content-type", content_type.encode()))
    return json.dumps(DATA if data is None else data).encode(), tuple(headers)


def event_of(announcement: Announcement) -> TrackUploaded:
    (upload,) = announcement.uploads
    assert decode_upload(upload.wire) == upload.event, "what a retry topic takes is another event"
    assert announcement.skipped == ()
    return upload.event


def test_the_envelope_says_what_the_data_leaves_out_in_every_mode() -> None:
    value, headers = binary()
    assert event_of(read(structured())) == EXPECTED
    assert event_of(read(value, headers=headers)) == EXPECTED
    assert event_of(
        read([structured()], headers=(("content-type", b"application/cloudevents-batch+json"),))
    ) == (EXPECTED)


def test_the_data_wins_where_it_says_the_same() -> None:
    own = json.loads(upload_event().model_dump_json(exclude_none=True))
    value, headers = binary(own)
    assert event_of(read(structured(own))) == upload_event()
    assert event_of(read(value, headers=headers)) == upload_event()


def test_null_in_the_data_is_nothing_said() -> None:
    assert event_of(read(structured({**DATA, "track_id": None, "event_id": None}))) == EXPECTED


def test_data_may_be_base64() -> None:
    text = base64.b64encode(json.dumps(DATA).encode()).decode()
    event = structured() | {"data_base64": text}
    del event["data"]
    assert event_of(read(event)) == EXPECTED


def test_a_structured_event_without_a_content_type_is_known_by_its_version() -> None:
    assert event_of(read(structured(), headers=())) == EXPECTED


def test_headers_are_known_in_any_case_and_a_null_one_says_nothing() -> None:
    value, headers = binary()
    shouted = tuple((name.upper(), text) for name, text in headers)
    # Another producer may write null.
    assert event_of(read(value, headers=(*shouted, ("CE_DATASCHEMA", None)))) == EXPECTED


def test_an_event_without_a_time_was_uploaded_when_it_arrived() -> None:
    assert event_of(read(structured(time=None))).uploaded_at.timestamp() == 1_700_000_000


def test_ids_of_two_sources_differ_and_long_ones_fit() -> None:
    ids = [
        event_of(read(structured(source=source, id=identifier))).event_id
        for source, identifier in (
            ("/a", "b c"),
            ("/a", "b"),
            ("/ab", "c"),
            ("/a", "b" * 5_000),
            ("/a", "é" * 5_000),
        )
    ]
    assert len(set(ids)) == 5
    assert max(map(len, ids)) <= 64


def test_extensions_are_carried_as_headers_and_the_trace_under_its_own_name() -> None:
    (upload,) = read(structured(flag=True, count=3, nested={"a": 1})).uploads
    assert dict(upload.headers) == {
        "traceparent": TRACE.encode(),
        "ce_traceparent": TRACE.encode(),
        "ce_tenant": b"blue",
        "ce_flag": b"true",
        "ce_count": b"3",
    }


def test_headers_that_the_record_has_already_are_not_carried_twice() -> None:
    value, headers = binary()
    (upload,) = read(value, headers=headers).uploads
    assert upload.headers == (("traceparent", TRACE.encode()),)
    (upload,) = read(value, headers=(*headers, ("traceparent", b"mine"))).uploads
    assert upload.headers == ()


def test_an_extension_that_would_outgrow_a_header_stays_in_the_record() -> None:
    (upload,) = read(structured(tenant="x" * 100_000)).uploads
    assert "ce_tenant" not in dict(upload.headers)


def test_types_that_are_not_ours_are_skipped_one_by_one() -> None:
    batch = [structured(id="1"), structured(id="2", type="org.example.track.deleted"), structured(id="3")]
    announcement = read(batch, types=frozenset({"org.example.track.uploaded"}))
    assert [upload.event.event_id[-1] for upload in announcement.uploads] == ["1", "3"]
    assert announcement.skipped == (OTHER_TYPE,)


def test_what_is_not_ours_need_not_be_understood() -> None:
    event = structured("some words", type="org.example.other", datacontenttype="text/plain")
    assert read(event, types=frozenset({"ours"})) == Announcement((), (OTHER_TYPE,))
    value, headers = binary(type="org.example.other", datacontenttype="application/protobuf")
    assert read(value, headers=headers, types=frozenset({"ours"})) == Announcement((), (OTHER_TYPE,))


def test_a_batch_with_one_unreadable_event_is_refused_whole() -> None:
    with pytest.raises(InvalidEventError):
        read([structured(), structured(source=None)])


def test_a_redriven_retry_is_read_as_what_it_is_whatever_headers_it_carries() -> None:
    wire = upload_event().model_dump_json().encode()
    _, headers = binary()
    for carried in (STRUCTURED, (), headers):
        assert event_of(read(wire, headers=carried)) == upload_event()


@pytest.mark.parametrize("version", ["0.3", "2.0", "1", "10.0", "1.x", ""])
def test_another_major_version_is_named(version: str) -> None:
    value, headers = binary(specversion=version)
    with pytest.raises(UnsupportedSchemaVersionError):
        read(structured(specversion=version))
    with pytest.raises(UnsupportedSchemaVersionError):
        read(value, headers=headers)


def test_a_later_minor_version_is_read() -> None:
    assert event_of(read(structured(specversion="1.1"))) == EXPECTED


def test_a_newer_schema_in_the_data_is_named() -> None:
    with pytest.raises(UnsupportedSchemaVersionError, match="schema_version=9"):
        read(structured({**DATA, "schema_version": 9}))


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"{",
        b"[" * 100_000,
        None,
        "words",
        {},
        [1],
        structured(specversion=None),
        structured(id=None),
        structured(id=""),
        structured(id=7),
        structured(source="two words"),
        structured(type=None),
        structured(subject=None),
        structured(time="yesterday"),
        structured({}),
        structured("text"),
        structured(datacontenttype="application/avro"),
        structured(data_base64="***"),
        structured(data_base64=7),
        {**structured(), "data": {**DATA, "metadata": float("nan")}},
    ],
)
def test_what_is_no_event_is_named(event: object) -> None:
    with pytest.raises(InvalidEventError):
        read(event)


def test_headers_that_are_not_utf_8_are_named() -> None:
    value, headers = binary()
    with pytest.raises(InvalidEventError, match="ce_subject"):
        read(value, headers=(*headers, ("ce_subject", b"\xff")))


def test_binary_mode_without_data_is_named() -> None:
    with pytest.raises(InvalidEventError, match="no value"):
        read(b"", headers=binary()[1])


@settings(max_examples=30, deadline=None)
@given(ANY_JSON, ANY_JSON, st.dictionaries(st.sampled_from(sorted(ENVELOPE)), ANY_JSON))
def test_any_json_is_an_announcement_or_a_named_error(
    outer: object, data: object, changes: dict[str, object]
) -> None:
    for value in (
        outer,
        structured() | {"data": data},
        structured() | changes,
        [structured() | changes, outer],
    ):
        with contextlib.suppress(EventError):
            assert isinstance(read(value), Announcement)


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=100),
    st.lists(
        st.tuples(st.sampled_from(["ce_id", "CE_time", "ce_", "content-type", "x"]), st.binary(max_size=9))
    ),
)
def test_any_headers_are_an_announcement_or_a_named_error(
    value: bytes, more: list[tuple[str, bytes]]
) -> None:
    for body in (value, json.dumps(DATA).encode()):
        with contextlib.suppress(EventError):
            read(body, headers=(*binary()[1], *more))
