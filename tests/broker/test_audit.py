"""A track can be followed from its upload to its end, by headers and by log lines, whatever its form."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import Headers, InputRecord, OutputRecord
from consumer.kafka import KafkaAdmin, Publisher
from consumer.topic_settings import TopicSettings
from consumer.topics import create, definitions
from tests.broker.harness import (
    SECONDS,
    Broker,
    Topics,
    make_topics,
    read_all,
    unique,
    uploads_of,
    wait_until,
)
from tests.broker.workers import Workers, dead_letters, upload

ODD: Headers = (("latin", b"\xfc\x00\xff"), ("null", None), ("empty", b""), ("x", b"1"), ("x", b"2"))


@pytest.fixture
def protocol() -> str:
    return "classic"


@pytest.fixture
def topics(broker: Broker) -> Topics:
    """Three topics of uploads, one in each form."""
    own = make_topics(broker, partitions=1)
    name = unique("t")
    uploads = {f"{name}.events": "cloud_event", f"{name}.bucket": "bucket_notification"}
    more = TopicSettings.model_validate({**own.model_dump(), "uploads": {**own.uploads, **uploads}})
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=SECONDS)
    create(admin, definitions(more, partitions=1))
    return more


def _traceparent(number: int) -> bytes:
    return f"00-{number:032x}-00f067aa0ba902b7-01".encode()


def _cloud_event(number: int, uri: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{number}",
        "source": "s",
        "type": "t",
        "subject": f"track-{number}",
        "time": "2030-01-31T12:00:00Z",
        "data": {"audio_uri": uri},
    }


def _notification(key: str) -> bytes:
    s3 = {"bucket": {"name": "b"}, "object": {"key": key, "size": 9, "eTag": key, "sequencer": key}}
    event = {"eventName": "s3:ObjectCreated:Put", "eventTime": "2030-01-31T12:00:00Z", "s3": s3}
    return json.dumps({"Records": [event]}).encode()


def _records(topics: Topics) -> dict[str, OutputRecord]:
    """Give uploads by their track: trace n is of the n-th."""
    own, events, bucket = topics.uploads
    structured = json.dumps({**_cloud_event(3, "ok:2"), "traceparent": _traceparent(3).decode()}).encode()
    binary = _cloud_event(4, "ok:2")
    data = json.dumps(binary.pop("data")).encode()
    attributes = tuple((f"ce_{name}", str(text).encode()) for name, text in binary.items())
    return {
        "track of e1": OutputRecord(
            own, b"1", upload("e1", uri="ok:2"), (("traceparent", _traceparent(1)), *ODD)
        ),
        "track of e2": OutputRecord(
            own, b"2", upload("e2", uri="segv:"), (("traceparent", _traceparent(2)), *ODD)
        ),
        "track-3": OutputRecord(
            events, b"3", structured, (("content-type", b"application/cloudevents+json"), *ODD)
        ),
        "track-4": OutputRecord(events, b"4", data, (*attributes, ("ce_traceparent", _traceparent(4)), *ODD)),
        "b/five.mp3": OutputRecord(
            bucket, b"5", _notification("five.mp3"), (("traceparent", _traceparent(5)), *ODD)
        ),
    }


def _publish(settings: KafkaSettings, records: list[OutputRecord]) -> None:
    with Publisher(settings) as publisher:
        for record in records:
            publisher.publish(record)
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def _carries_the_odd(record: InputRecord) -> bool:
    names = {name for name, _ in ODD}
    return tuple(header for header in record.headers if header[0] in names) == ODD


def test_headers_and_log_lines_follow_each_track_from_its_upload_to_its_end(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    sections: dict[str, dict[str, Any]] = {"fetch": {"object_stores": ["s3://b/"]}, "log": {"format": "json"}}
    worker = workers.start(faults={"fake_audio": True}, sections=sections)
    sent = _records(topics)
    _publish(settings, [*sent.values(), OutputRecord(uploads_of(topics), b"6", b"{no json", ODD)])
    wait_until(lambda: len(read_all(settings, topics.labels)) == 4, what="four labels", seconds=90)
    wait_until(lambda: len(dead_letters(settings, topics)) == 2, what="two dead letters", seconds=90)
    (retry,) = read_all(settings, topics.retries[0].topic)
    assert worker.stop() == 0, worker.tail()

    ends = {record.key: record for record in read_all(settings, topics.labels)}
    letters = {record.key: record for record in dead_letters(settings, topics)}
    assert all(_carries_the_odd(record) for record in (*ends.values(), *letters.values(), retry))
    ends[b"track of e2"] = letters[b"2"]
    for number, track in enumerate(sent, start=1):
        headers = dict(ends[track.encode()].headers)
        name = "ce_traceparent" if number == 4 else "traceparent"
        assert headers[name] == _traceparent(number), track
        assert "ce_id" not in headers
    _assert_the_log_tells_it(worker.log.read_text(), sent=sent, topics=topics)


def _assert_the_log_tells_it(log: str, *, sent: dict[str, OutputRecord], topics: Topics) -> None:
    lines = [json.loads(line) for line in log.splitlines()]  # every line, not only what looks like one
    for line in lines:
        assert {"timestamp", "level", "event"} <= line.keys()
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    told: dict[str | None, list[dict[str, Any]]] = {}
    for line in lines:
        if "offset" in line:
            told.setdefault(line["track_id"], []).append(line)
    for number, (track, record) in enumerate(sent.items(), start=1):
        for line in told[track]:
            assert line["trace_id"] == f"{number:032x}"
            assert line["event_id"]
        assert told[track][0]["topic"] == record.topic
        assert (told[track][0]["partition"], told[track][0]["attempt"]) == (0, 1)
    events = {track: [line["event"] for line in found] for track, found in told.items()}
    expected: dict[str | None, list[str]] = {
        **{track: ["track labelled"] for track in sent},
        "track of e2": ["track will be retried", "track dead-lettered"],
        None: ["track dead-lettered"],
    }
    assert events == expected
    first, second = told["track of e2"]
    assert second["origin"] == f"{first['topic']}/{first['partition']}/{first['offset']}"
    assert (second["topic"], second["attempt"]) == (topics.retries[0].topic, 2)
    labelled = told["track of e1"][0]
    assert labelled["level"] == "info"
    assert labelled.keys() >= {"genre", "confidence", "seconds", "model", "model_version", "result_id"}
