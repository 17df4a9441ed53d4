"""A dry run of uploads, by the command as a person runs it, beside workers that go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consumer.config import KafkaSettings
from consumer.events import TrackLabelled, TrackUploaded
from consumer.jobs import OutputRecord
from tests.broker.harness import Broker, Topics, make_topics, publish, read_all, uploads_of, wait_until
from tests.broker.traces import publish_records, traces_of
from tests.broker.workers import WorkerProcess, Workers, labels, submit, upload, wait_for_labels
from tests.consumer.engines import MOMENT, label_for
from tests.modelzoo.artifacts import write_model

NEW = "2.0.0"

pytestmark = pytest.mark.parametrize("protocol", ["classic"])  # the group has no part in it


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=2)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    write_model(tmp_path / "registry", name="linear", version=NEW)
    return tmp_path / "registry"


def _start(workers: Workers, registry: Path, *options: str) -> WorkerProcess:
    return workers.start(
        faults={"light": 0.01},
        sections={"model": {"registry": str(registry), "name": "linear"}},
        command=("relabel", "--dry-run", "--json", *options),
    )


def _report(process: WorkerProcess, *, status: int = 0) -> dict[str, Any]:
    assert process.wait(seconds=120.0) == status, process.tail()
    (report,) = [line for line in process.log_lines() if line.get("event") == "churn"]
    return report


def test_two_thousand_tracks_are_judged_while_live_uploads_go_on(
    settings: KafkaSettings, topics: Topics, registry: Path, workers: Workers
) -> None:
    live = workers.start(faults={"light": 0.02})
    live.wait_until_ready()
    submit(settings, topics, (f"event-{n}" for n in range(2_000)))
    wait_for_labels(settings, topics, 2_000, workers=workers)
    process = _start(workers, registry, "--rate", "1000")
    wait_until(lambda: "dry run: " in process.tail(), what="its ranges")
    submit(settings, topics, (f"event-{n}" for n in range(2_000, 2_300)))
    report = _report(process)
    wait_for_labels(settings, topics, 2_300, workers=workers)
    assert live.stop() == 0, live.tail()

    assert report["finished"]
    assert report["counts"]["judged"] == report["counts"]["compared"] == 2_000
    assert report["matrix"] == [{"before": "jazz", "after": "jazz", "tracks": 2_000}]
    assert report["before_models"] == [{"model": "test", "version": "1.0.0", "tracks": 2_000}]
    found = labels(settings, topics)
    assert len(found) == 2_300
    assert {label.replay_id for label in found} == {None}


def test_uploads_are_judged_by_the_engine_and_their_newest_only(
    settings: KafkaSettings,
    topics: Topics,
    registry: Path,
    workers: Workers,
) -> None:
    # The light engine says jazz with 0.8 of everything.
    uploads = list(_uploads())
    values = [event.model_dump_json(exclude_none=True).encode() for event in uploads]
    publish_records(settings, [OutputRecord(uploads_of(topics), None, value) for value in (*values, b"{")])
    found = [
        label_for(uploads[0], genre="rock", confidence=0.9),
        label_for(uploads[1], genre="jazz", confidence=0.5),
        label_for(uploads[2], genre=None, confidence=0.4),
        # Of a later upload than the range's: it stays.
        _moved(label_for(uploads[3], genre="blues"), days=30),
    ]
    publish_records(settings, [OutputRecord(topics.labels, x.track_id.encode(), x.encode()) for x in found])
    were = traces_of(settings, topics)

    report = _report(_start(workers, registry))

    assert traces_of(settings, topics) == were
    assert report["counts"] == {
        "judged": 40,
        "compared": 3,
        "changed": 2,
        "without_label": 36,
        "newer_elsewhere": 1,
        "failed": 1,
        "current_labels": 4,
    }
    assert {(move["before"], move["after"], move["tracks"]) for move in report["matrix"]} == {
        ("rock", "jazz", 1),
        ("jazz", "jazz", 1),
        (None, "jazz", 1),
    }
    assert [track["track_id"] for track in report["most_changed"]] == ["track-0", "track-2"]
    assert report["abstentions"] == {"before": 1, "after": 0, "begun": 0, "ended": 1}
    assert report["without_label"] == [{"genre": "jazz", "tracks": 36}]
    assert report["failures"] == [{"reason": "invalid_event", "count": 1}]
    assert report["left_out"] == [{"reason": "superseded", "count": 10}]
    assert report["terms"]["version"] == NEW


def _uploads() -> Iterator[TrackUploaded]:
    for n in range(50):
        yield TrackUploaded(
            event_id=f"event-{n}",
            track_id=f"track-{n % 40}",
            audio_uri="file:///nowhere.wav",
            uploaded_at=MOMENT - timedelta(days=n // 40),
        )


def _moved(label: TrackLabelled, *, days: int) -> TrackLabelled:
    later = label.timing.uploaded_at + timedelta(days=days)
    return label.model_copy(update={"timing": label.timing.model_copy(update={"uploaded_at": later})})


def test_the_workers_own_model_changes_nothing_by_either_source(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    worker = workers.start(
        faults={"fake_audio": True}, sections={"worker": {"feature_log": True, "max_attempts": 1}}
    )
    worker.wait_until_ready()
    uris = [*(f"ok:{n}" for n in range(1, 12)), "not-audio:"]
    publish(settings, uploads_of(topics), [upload(uri, uri=uri) for uri in uris])
    wait_until(lambda: len(read_all(settings, topics.labels)) == 11, what="the labels")
    wait_until(lambda: len(read_all(settings, topics.dead_letters)) == 1, what="the dead letter")
    assert worker.stop() == 0, worker.tail()
    for source in ("uploads", "features"):
        process = workers.start(
            faults={"fake_audio": True}, command=("relabel", "--dry-run", "--json", "--source", source)
        )
        report = _report(process)
        assert report["counts"]["compared"] == 11
        assert report["counts"]["changed"] == 0
        assert abs(report["confidence"]["shift"]["p95"]) <= 1e-6
        failed = [one["reason"] for one in report["failures"]]
        assert failed == (["not_audio"] if source == "uploads" else [])


def test_a_dry_run_that_is_stopped_reports_what_it_has_seen(
    settings: KafkaSettings, topics: Topics, registry: Path, workers: Workers, tmp_path: Path
) -> None:
    submit(settings, topics, (f"event-{n}" for n in range(300)))
    page = tmp_path / "churn.html"
    process = _start(workers, registry, "--rate", "5", "--report", str(page))
    wait_until(lambda: "labelling: " in process.tail(), what="progress", seconds=60.0)
    process.terminate()
    report = _report(process, status=143)
    assert not report["finished"]
    assert 0 < report["counts"]["judged"] < 300
    assert "Stopped before the end" in page.read_text()
