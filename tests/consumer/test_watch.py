"""Tests of following labels and dead letters, over librdkafka's in-process mock cluster."""

from __future__ import annotations

import pytest

from consumer.audio_files import upload
from consumer.config import Settings
from consumer.errors import AudioNotFoundError, InvalidEventError
from consumer.events import TrackLabelled
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.kafka import MockCluster, Publisher, Start
from consumer.loop.provenance import dead_letter_headers, provenance_of_upload
from consumer.ports import BrokerError
from consumer.submit import upload_record
from consumer.watch import DeadLetter, Watcher, read_dead_letter
from tests.consumer.engines import label_for
from tests.consumer.mock_cluster import cluster, settings

pytestmark = pytest.mark.slow  # a mock cluster a test

__all__ = ["cluster", "settings"]


def _publish(settings: Settings, *records: OutputRecord) -> None:
    with Publisher(settings.kafka) as publisher:
        for record in records:
            publisher.publish(record)
        assert publisher.flush(timeout_seconds=10.0) == 0


def _label_record(label: TrackLabelled) -> OutputRecord:
    return OutputRecord("track-labels", label.track_id.encode(), label.encode())


def _dead_letter(value: bytes | None, *, key: bytes | None, error: Exception) -> InputRecord:
    original = InputRecord(
        TopicPartition("track-uploads", 2), 41, key, value, headers=(("reason", b"the upload's own"),)
    )
    headers = dead_letter_headers(provenance_of_upload(original), error, now=1.8e9)
    return InputRecord(TopicPartition("track-uploads.dlq", 0), 7, key, value, headers=headers)


def test_a_dead_letter_tells_its_track_its_reason_and_where_it_came_from() -> None:
    event = upload("file:///gone.mp3", track_id="t1")
    value = upload_record(event, topic="any").value

    letter = read_dead_letter(_dead_letter(value, key=b"t1", error=AudioNotFoundError("nothing\nthere")))

    assert letter == DeadLetter(
        event_id=event.event_id,
        track_id="t1",
        reason="not_found",
        message="nothing\nthere",
        attempts=1,
        topic="track-uploads",
        partition=2,
        offset=41,
    )
    assert letter.problem == "not_found: nothing there"
    assert letter.to_json()["error"] == {"reason": "not_found", "message": "nothing\nthere"}


def test_an_unreadable_upload_is_told_by_its_key() -> None:
    letter = read_dead_letter(_dead_letter(b"{not json", key=b"t9", error=InvalidEventError("not JSON")))

    assert (letter.event_id, letter.track_id, letter.reason) == (None, "t9", "invalid_event")


def test_a_stranger_in_the_dead_letter_topic_is_told_too() -> None:
    letter = read_dead_letter(InputRecord(TopicPartition("track-uploads.dlq", 1), 3, None, None))

    assert (letter.track_id, letter.reason, letter.partition, letter.offset) == (None, "unknown", 1, 3)


def test_labels_and_dead_letters_are_followed_from_now_and_strangers_skipped(
    cluster: MockCluster, settings: Settings
) -> None:
    event = upload("file:///a.mp3", track_id="t1")
    _publish(settings, _label_record(label_for(upload("file:///before.mp3"))))
    letter = _dead_letter(b"x", key=b"t2", error=InvalidEventError("not JSON"))
    with Watcher(settings, start=Start.NOW, dead_letters=True) as watcher:
        _publish(
            settings,
            OutputRecord("track-labels", b"t1", b"no label"),
            _label_record(label_for(event)),
            OutputRecord("track-uploads.dlq", letter.key, None, (("redriven", b"0/7"),)),
            OutputRecord("track-uploads.dlq", letter.key, letter.value, letter.headers),
        )
        ended = list(watcher.follow(count=2, timeout_seconds=20.0))  # a marker is none of them

    assert {type(one) for one in ended} == {TrackLabelled, DeadLetter}
    assert label_for(event) in ended
    assert {one.reason for one in ended if isinstance(one, DeadLetter)} == {"invalid_event"}


def test_from_the_beginning_all_labels_are_given(cluster: MockCluster, settings: Settings) -> None:
    label = label_for(upload("file:///early.mp3"))
    _publish(settings, _label_record(label))

    with Watcher(settings, start=Start.BEGINNING, dead_letters=False) as watcher:
        assert label in watcher.follow(timeout_seconds=20.0)


def test_following_ends_at_its_time_out(cluster: MockCluster, settings: Settings) -> None:
    with Watcher(settings, start=Start.NOW, dead_letters=False) as watcher:
        assert list(watcher.follow(count=1, timeout_seconds=0.2)) == []


def test_a_missing_broker_is_an_error_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.watch._PATIENCE_SECONDS", 0.3)
    nowhere = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})

    with pytest.raises(BrokerError):
        Watcher(settings.model_copy(update={"kafka": nowhere}), start=Start.NOW, dead_letters=False)
