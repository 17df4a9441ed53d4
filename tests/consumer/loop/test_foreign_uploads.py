"""Uploads of foreign forms go the whole way round the loop: labels, retries, dead letters, skips."""

from __future__ import annotations

import json

from consumer.errors import AudioNotFoundError, FetchTimeoutError
from consumer.events import TrackUploaded
from consumer.jobs import Headers, InputRecord
from consumer.loop.adapters import Reader
from tests.consumer.loop_bench import Bench
from tests.consumer.records import UPLOADS, settings_with

TRACE = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
CLOUD_EVENT: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"42"),
    ("ce_source", b"/uploads"),
    ("ce_type", b"track.uploaded"),
    ("ce_subject", b"track-1"),
    ("ce_tenant", b"blue"),
    ("ce_traceparent", TRACE[1]),
    ("content-type", b"application/json"),
)
DATA = b'{"audio_uri": "s3://music/a.mp3"}'
CARRIED_INTO_LABELS = {
    ("ce_tenant", b"blue"),
    ("ce_traceparent", TRACE[1]),
    ("content-type", b"application/json"),
    TRACE,
}


def started(adapter: str) -> Bench:
    bench = Bench(settings_with(topics={"uploads": {"track-uploads": adapter}}))
    bench.start()
    return bench


def notification(*events: tuple[str, str]) -> bytes:
    def record(name: str, key: str) -> dict[str, object]:
        item = {"key": key, "size": 9, "eTag": "e", "sequencer": "1"}
        s3 = {"bucket": {"name": "music"}, "object": item}
        return {"eventName": name, "eventTime": "2026-01-02T03:04:05Z", "s3": s3}

    return json.dumps({"Records": [record(name, key) for name, key in events]}).encode()


def end(bench: Bench, track_id: str, result: BaseException | None = None) -> None:
    bench.engine.jobs["track-0"] = bench.engine.jobs.pop(track_id)
    bench.engine.end(0, result)


def test_each_event_of_a_notification_is_a_label_a_dead_letter_or_a_counted_skip() -> None:
    bench = started("bucket_notification")
    created, removed = "s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"
    bench.broker.publish("track-uploads", b'{"Service": "Amazon S3", "Event": "s3:TestEvent"}')
    value = notification((created, "a b.mp3"), (removed, "b.mp3"), (created, "c d.mp3"), (removed, "d.mp3"))
    bench.broker.publish("track-uploads", value, key=b"music/a b.mp3")
    bench.turn(6)
    assert bench.committed() == 1  # the test event's
    end(bench, "music/a b.mp3")
    end(bench, "music/c d.mp3", AudioNotFoundError("gone"))
    bench.turn(4)
    assert bench.committed() == 2
    assert [label.track_id for label in bench.labels()] == ["music/a b.mp3"]
    [letter] = bench.broker.visible("track-uploads.dlq")
    assert (letter.key, letter.value) == (b"music/a b.mp3", value)
    assert bench.counted("tracks_total", outcome="skipped", reason="object_removed") == 2
    assert bench.counted("tracks_total", outcome="skipped", reason="test_event") == 1


def test_a_retry_of_a_notification_keeps_both_readings_of_its_key() -> None:
    bench = started("bucket_notification")
    bench.broker.publish("track-uploads", notification(("ObjectCreated:Put", "100%25+love.mp3")))
    bench.turn(4)
    first = bench.engine.jobs["music/100% love.mp3"].event
    end(bench, first.track_id, FetchTimeoutError("slow"))
    bench.turn(4)
    [retry] = bench.broker.visible("track-uploads.retry.30s")
    assert TrackUploaded.model_validate_json(retry.value or b"") == first
    assert first.otherwise is not None
    bench.timeline.advance(31.0)
    bench.turn_until(lambda: first.track_id in bench.engine.jobs)
    assert bench.engine.jobs[first.track_id].event == first


def test_a_label_carries_the_trace_but_does_not_pass_for_the_cloud_event() -> None:
    bench = started("cloud_event")
    bench.broker.publish("track-uploads", DATA, headers=CLOUD_EVENT)
    bench.turn(4)
    end(bench, "track-1")
    bench.turn(3)
    [label] = bench.broker.visible("track-labels")
    assert label.key == b"track-1"
    assert set(label.headers) == CARRIED_INTO_LABELS


def test_a_dead_letter_of_a_cloud_event_can_be_read_again_where_it_came_from() -> None:
    bench = started("cloud_event")
    bench.broker.publish("track-uploads", DATA, key=b"k", headers=CLOUD_EVENT)
    bench.turn(4)
    event = bench.engine.jobs["track-1"].event
    end(bench, "track-1", AudioNotFoundError("gone"))
    bench.turn(3)
    [letter] = bench.broker.visible("track-uploads.dlq")
    reader = Reader(bench.settings.topics)
    again = InputRecord(UPLOADS, 9, letter.key, letter.value, letter.headers, letter.timestamp_ms)
    assert reader.read(again).uploads[0].event.event_id == event.event_id
    assert set(CLOUD_EVENT) <= set(letter.headers)


def test_a_dead_letter_that_had_passed_a_retry_topic_can_be_read_where_it_came_from() -> None:
    bench = started("cloud_event")
    bench.broker.publish("track-uploads", DATA, headers=CLOUD_EVENT)
    bench.turn(4)
    event = bench.engine.jobs["track-1"].event
    end(bench, "track-1", FetchTimeoutError("slow"))
    bench.turn(4)
    bench.timeline.advance(31.0)
    bench.turn_until(lambda: "track-1" in bench.engine.jobs)
    end(bench, "track-1", AudioNotFoundError("gone"))
    bench.turn(4)
    [letter] = bench.broker.visible("track-uploads.dlq")
    again = InputRecord(UPLOADS, 9, letter.key, letter.value, letter.headers)
    assert [upload.event for upload in Reader(bench.settings.topics).read(again).uploads] == [event]
