"""The loop commits what is done and nothing else, in order, once, whatever comes and goes meanwhile."""

from __future__ import annotations

from functools import partial

import pytest
from structlog.testing import capture_logs

import consumer.loop.adapters.reader as reader_module
from consumer.config import Settings
from consumer.errors import (
    AudioNotFoundError,
    FetchTimeoutError,
)
from consumer.events import GenreProbability
from consumer.jobs import InputRecord, TopicPartition
from consumer.loop.adapters import Announcement, Upload
from modelzoo.errors import ModelError
from tests.consumer.engines import label_for
from tests.consumer.loop_bench import Bench
from tests.consumer.records import settings_with, upload_event

UPLOADS = TopicPartition("track-uploads", 0)


@pytest.fixture(params=["exactly_once", "at_least_once"])
def delivery(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _started(settings: Settings | None = None, *, partitions: int = 1, label_bytes: int = 10**6) -> Bench:
    bench = Bench(settings or settings_with(), partitions=partitions, label_bytes=label_bytes)
    bench.start()
    return bench


def _worker(**limits: object) -> Settings:
    return settings_with(worker=limits)


def test_an_idle_worker_commits_a_label_within_two_turns_of_its_completion(delivery: str) -> None:
    bench = _started(settings_with(kafka={"delivery": delivery}))
    bench.publish(1)
    bench.turn(3)
    bench.engine.end(1)
    completed_at = bench.clock.wall()
    bench.turn(2)
    [label] = bench.broker.visible("track-labels")
    assert label.key == b"track-1"
    assert bench.committed() == 1
    assert label.timestamp_ms / 1_000 - completed_at <= 0.05


def test_offset_is_not_committed_until_every_earlier_track_has_ended(delivery: str) -> None:
    bench = _started(settings_with(kafka={"delivery": delivery}))
    bench.publish(1, 2, 3)
    bench.turn(6)
    bench.engine.end(3)
    bench.engine.end(2)
    bench.turn(60)
    assert (bench.committed(), bench.labels()) == (0, [])
    bench.engine.end(1)
    bench.turn(2)
    assert bench.committed() == 3
    assert [label.track_id for label in bench.labels()] == ["track-1", "track-2", "track-3"]


def test_an_invalid_record_is_dead_lettered_and_its_neighbours_are_labelled() -> None:
    bench = _started()
    bench.publish(1)
    bench.broker.publish("track-uploads", b"no JSON", key=b"k", headers=(("traceparent", b"00-a"),))
    bench.publish(2)
    bench.turn(6)
    bench.engine.end(1)
    bench.engine.end(2)
    bench.turn(3)
    [letter] = bench.dead_letters()
    assert (letter["reason"], letter["offset"], letter["traceparent"]) == ("invalid_event", "1", "00-a")
    assert len(bench.labels()) == 2
    assert bench.committed() == 3


def test_a_bug_in_an_adapter_costs_its_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(record: InputRecord) -> Announcement:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(reader_module, "ADAPTERS", {"track_uploaded": lambda _: buggy})
    bench = _started()
    bench.publish(1)
    bench.turn(4)
    [letter] = bench.dead_letters()
    assert (letter["reason"], letter["error-message"]) == ("unexpected", "ZeroDivisionError: a bug")
    assert bench.committed() == 1


def test_a_record_is_committed_when_all_of_its_events_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [upload_event(number) for number in (1, 2, 3)]
    three = Announcement(tuple(Upload(event, event.model_dump_json().encode()) for event in events))
    monkeypatch.setattr(reader_module, "ADAPTERS", {"track_uploaded": lambda _: lambda _: three})
    bench = _started()
    bench.broker.publish("track-uploads", b"three at once", key=b"bucket/key")
    bench.turn(4)
    bench.engine.end(2)
    bench.engine.end(3, AudioNotFoundError("gone"))
    bench.turn(30)
    assert bench.committed() == 0
    bench.engine.end(1, FetchTimeoutError("slow"))
    bench.turn(3)
    assert bench.committed() == 1
    [retry] = bench.broker.visible("track-uploads.retry.30s")
    assert (retry.key, retry.value) == (b"track-1", events[0].model_dump_json().encode())
    [letter] = bench.broker.visible("track-uploads.dlq")
    assert (letter.key, letter.value) == (b"bucket/key", b"three at once")


def test_a_record_without_events_is_counted_and_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Announcement((), skipped=("test_event",))
    monkeypatch.setattr(reader_module, "ADAPTERS", {"track_uploaded": lambda _: lambda _: none})
    bench = _started()
    bench.broker.publish("track-uploads", b"{}")
    bench.turn(4)
    assert bench.committed() == 1
    assert bench.counted("tracks_total", outcome="skipped", reason="test_event") == 1


def test_credits_bound_tracks_in_total_and_per_partition() -> None:
    bench = _started(_worker(max_in_flight=5, max_in_flight_per_partition=3), partitions=2)
    bench.publish(*range(20))
    bench.turn(40)
    by_partition = [job.ticket.topic_partition.partition for job in bench.engine.jobs.values()]
    assert sorted((by_partition.count(0), by_partition.count(1))) == [2, 3]


def test_a_busy_partition_does_not_starve_another() -> None:
    bench = _started(_worker(max_in_flight=2), partitions=2)
    bench.publish(*range(12))
    bench.turn_until(lambda: sum(state.backlog for state in bench.loop.snapshot.partitions) == 10)
    started_in = []
    for _ in range(8):
        job = next(iter(bench.engine.jobs.values()))
        started_in.append(job.ticket.topic_partition.partition)
        bench.engine.end(int(job.event.track_id.removeprefix("track-")))
        del bench.engine.jobs[job.event.track_id]
        bench.turn(2)
    assert {started_in.count(0), started_in.count(1)} == {4}


def test_a_full_backlog_pauses_its_partition_and_half_of_it_resumes() -> None:
    bench = _started(_worker(max_in_flight=1, max_backlog_per_partition=4))
    bench.publish(*range(10))
    bench.turn(80)
    paused = {partition.topic_partition: partition.paused for partition in bench.loop.snapshot.partitions}
    assert paused[UPLOADS]
    assert sum(paused.values()) == 1
    assert list(bench.engine.jobs) == ["track-0"]
    for number in range(10):
        bench.turn_until(partial(bench.engine.jobs.__contains__, f"track-{number}"))
        bench.engine.end(number)
    bench.turn_until(lambda: bench.committed() == 10)


def test_a_retry_waits_until_it_is_due_and_its_wait_is_no_head_age() -> None:
    bench = _started()
    [record] = bench.publish(1, headers=(("traceparent", b"00-a"),))
    bench.turn(3)
    bench.engine.end(1, FetchTimeoutError("slow"))
    bench.turn(3)
    assert bench.committed() == 1
    retried_at = bench.timeline.now
    bench.engine.jobs.clear()
    bench.turn_until(lambda: bool(bench.engine.jobs))
    assert 29.5 < bench.timeline.now - retried_at < 30.5
    job = bench.engine.jobs["track-1"]
    assert (job.attempt, job.event) == (2, upload_event(1))
    retry_partition = job.ticket.topic_partition
    labels = {"topic": retry_partition.topic, "partition": str(retry_partition.partition)}
    assert bench.counted("head_age_seconds", **labels) == 0.0
    bench.engine.end(1)
    bench.turn(3)
    [label] = bench.broker.visible("track-labels")
    assert label.headers == record.headers


def test_a_forged_not_before_holds_a_retry_topic_no_longer_than_its_delay() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(3)
    bench.engine.end(1, FetchTimeoutError("slow"))
    bench.turn(3)
    [retry] = bench.broker.visible("track-uploads.retry.30s")
    far = tuple((n, b"2999-01-01T00:00:00.000Z" if n == "not-before" else v) for n, v in retry.headers)
    forged = upload_event(2).model_dump_json().encode()
    bench.broker.publish("track-uploads.retry.30s", forged, headers=far)
    bench.turn_until(lambda: "track-2" in bench.engine.jobs, within_seconds=31.0)


def test_at_its_deadline_a_track_is_retried_and_what_comes_later_is_counted_and_dropped() -> None:
    bench = _started(_worker(track_deadline_seconds=3.0))
    bench.publish(1)
    bench.turn_until(lambda: bench.committed() == 1, within_seconds=5.0)
    assert [retry["reason"] for retry in bench.retries()] == ["deadline"]
    bench.engine.end(1)
    bench.turn(2)
    assert bench.labels() == []
    assert bench.counted("stale_completions_total") == 1


def test_the_head_age_tells_what_holds_the_commit_back() -> None:
    bench = _started()
    bench.publish(1, 2)
    bench.turn(4)
    bench.engine.end(2)
    bench.timeline.advance(7.0)
    bench.turn(2)
    [uploads] = [p for p in bench.loop.snapshot.partitions if p.topic_partition == UPLOADS]
    assert 7.0 <= uploads.head_age_seconds < 8.0
    assert uploads.in_flight == 1


@pytest.mark.parametrize("through", ["completion", "check"])
def test_a_fatal_error_ends_the_loop_and_commits_nothing(through: str) -> None:
    bench = Bench(settings_with())
    bench.publish(1)
    fatal = ModelError("the model is gone")
    if through == "check":
        bench.timeline.plan(1.0, lambda: setattr(bench.engine, "failure", fatal))
    else:
        bench.timeline.plan(1.0, lambda: bench.engine.end(1, fatal))
    with pytest.raises(ModelError):
        bench.loop.run()
    assert bench.committed() == 0
    assert bench.labels() + bench.dead_letters() == []
    assert not bench.broker.groups.group("genrestream").members


def test_counts_and_log_lines_come_with_the_commit_not_before() -> None:
    bench = _started()
    bench.publish(1, 2)
    bench.turn(4)
    with capture_logs() as before:
        bench.engine.end(2)
        bench.turn(30)
    assert not before
    assert bench.counted("tracks_total", outcome="labelled", reason="") == 0
    with capture_logs() as after:
        bench.engine.end(1, AudioNotFoundError("gone"))
        bench.turn(3)
    assert bench.counted("tracks_total", outcome="labelled", reason="") == 1
    assert bench.counted("tracks_total", outcome="dead_lettered", reason="not_found") == 1
    assert bench.counted("labels_total", genre="jazz") == 1
    assert bench.counted("stage_seconds_count", stage="end_to_end") == 1
    [line] = [line for line in after if line["event"] == "track labelled"]
    assert line["log_level"] == "info"
    assert (line["track_id"], line["topic"], line["partition"], line["offset"]) == (
        "track-2",
        "track-uploads",
        0,
        1,
    )


def test_a_label_that_the_broker_refuses_loses_its_timeline_and_the_worker_goes_on() -> None:
    bench = _started(label_bytes=3_000)
    bench.publish(1, 2)
    bench.turn(4)
    label = label_for(upload_event(1))
    timeline = tuple(GenreProbability(genre="jazz", probability=0.5) for _ in range(200))
    windows = label.windows.model_copy(update={"timeline": timeline})
    bench.engine.end(1, label.model_copy(update={"windows": windows}))
    bench.engine.end(2)
    bench.turn_until(lambda: bench.committed() == 2, within_seconds=2.0)
    assert [found.windows.timeline for found in bench.labels()] == [None, None]


def test_why_a_flush_was_not_committed_is_counted_and_logged() -> None:
    bench = _started(label_bytes=100)
    bench.publish(1)
    bench.turn(3)
    with capture_logs() as lines:
        bench.engine.end(1)
        bench.turn(1)
    assert bench.counted("transactions_total", result="aborted") == 1
    assert bench.counted("kafka_errors_total", code="_STATE") == 1
    assert [(line["result"], line["n_refused"]) for line in lines if line["event"].startswith("flush")] == [
        ("aborted", 1)
    ]


def test_a_label_refused_in_every_size_is_dead_lettered() -> None:
    bench = _started(label_bytes=100)
    bench.publish(1)
    bench.turn(3)
    bench.engine.end(1)
    bench.turn_until(lambda: bench.committed() == 1, within_seconds=2.0)
    assert [letter["reason"] for letter in bench.dead_letters()] == ["result_too_large"]
