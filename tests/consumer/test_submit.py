"""Tests of publishing upload events, over librdkafka's in-process mock cluster."""

from __future__ import annotations

import json
import time

import pytest

from consumer.audio_files import upload
from consumer.config import Settings
from consumer.errors import SettingsError
from consumer.events import decode_upload
from consumer.jobs import InputRecord
from consumer.kafka import MockCluster, Start, TopicReader
from consumer.submit import Submitted, submit_all, upload_record, upload_topic
from consumer.topic_settings import TopicSettings
from tests.consumer.mock_cluster import cluster, settings

pytestmark = pytest.mark.slow  # a mock cluster a test

__all__ = ["cluster", "settings"]


def _read(reader: TopicReader, *, count: int) -> list[InputRecord]:
    deadline = time.monotonic() + 20.0
    records: list[InputRecord] = []
    while len(records) < count and time.monotonic() < deadline:
        if (record := reader.poll(0.05)) is not None:
            records.append(record)
    return records


def test_an_event_is_keyed_by_its_track_and_read_back_equal() -> None:
    event = upload("s3://bucket/key.flac", track_id="träck 1", declared_genre="hip hop")

    record = upload_record(event, topic="track-uploads")

    assert record.key == "träck 1".encode()
    assert decode_upload(record.value) == event
    assert json.loads(record.value or b"")["schema_version"] == 1


def test_without_a_topic_for_our_events_nothing_can_be_submitted() -> None:
    topics = TopicSettings.model_construct(uploads={})

    with pytest.raises(SettingsError, match=r"topics\.uploads"):
        upload_topic(topics)


def test_every_event_is_told_as_delivered_and_stands_in_the_topic(
    cluster: MockCluster, settings: Settings
) -> None:
    events = [upload(f"s3://bucket/{number}") for number in range(5)]
    heard: list[Submitted] = []
    with TopicReader(settings.kafka, ["track-uploads"], start=Start.NOW) as reader:
        ended = submit_all(events, settings=settings, timeout_seconds=10.0, on_end=heard.append)
        records = _read(reader, count=5)

    assert {one.upload.event_id for one in ended} == {event.event_id for event in events}
    assert all(one.error is None for one in ended)
    assert heard == ended
    assert {decode_upload(record.value).event_id for record in records} == {e.event_id for e in events}


def test_without_a_broker_every_event_ends_as_a_failure_that_says_what_to_do(settings: Settings) -> None:
    nowhere = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})

    (ended,) = submit_all(
        [upload("s3://bucket/1")],
        settings=settings.model_copy(update={"kafka": nowhere}),
        timeout_seconds=0.3,
    )

    assert ended.error is not None
    assert "genrestream check" in str(ended.error)
