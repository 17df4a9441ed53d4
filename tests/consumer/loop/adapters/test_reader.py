"""A record is read by its topic's adapter; retries are read as what we wrote ourselves."""

from __future__ import annotations

import json

import pytest

from consumer.errors import EventError, InvalidEventError, UnsupportedSchemaVersionError
from consumer.loop.adapters import Reader
from consumer.loop.adapters.track_uploaded import read_track_uploaded
from consumer.topic_settings import TopicSettings
from tests.consumer.records import RETRIES, upload_event, upload_record


def test_an_upload_is_read_and_its_bytes_are_kept_as_they_came() -> None:
    wire = json.dumps({**json.loads(upload_event().model_dump_json()), "unknown": 1}).encode()
    announcement = read_track_uploaded(upload_record(value=wire))
    assert [upload.event for upload in announcement.uploads] == [upload_event()]
    assert announcement.uploads[0].wire is wire


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"{", InvalidEventError),
        (b"", InvalidEventError),
        (b"\xff\xfe", InvalidEventError),
        (b"[" * 100_000, InvalidEventError),
        (b'{"schema_version": 99}', UnsupportedSchemaVersionError),
    ],
)
def test_what_is_no_upload_is_named(value: bytes, error: type[EventError]) -> None:
    with pytest.raises(error):
        read_track_uploaded(upload_record(value=value))


def test_only_retry_topics_are_asked_for_an_attempt() -> None:
    reader = Reader(TopicSettings())
    forged = (("attempt", b"9"),)
    assert reader.provenance(upload_record(headers=forged)).carried == forged
    assert reader.read(upload_record(place=RETRIES)).uploads[0].event == upload_event()
