"""What a replay leaves out, how it is stopped, refused and gone on with, as a person runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest

from consumer.config import KafkaSettings
from consumer.events import TrackUploaded
from consumer.feature_codec import encode_features
from consumer.jobs import OutputRecord
from consumer.kafka import KafkaAdmin, Publisher
from tests.broker.following import Follower
from tests.broker.harness import SECONDS, Broker, Topics, Transactions, make_topics, uploads_of, wait_until
from tests.broker.workers import WorkerProcess, Workers, dead_letters, labels, submit
from tests.consumer.feature_records import features_of
from tests.modelzoo.artifacts import write_model

NOW = datetime(2030, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.parametrize("protocol", ["classic"])  # the group has no part in it


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=1)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    for version in ("2.0.0", "3.0.0"):
        write_model(tmp_path / "registry", name="linear", version=version)
    return tmp_path / "registry"


@pytest.fixture
def follower(settings: KafkaSettings, topics: Topics) -> Iterator[Follower]:
    made = Follower(settings, topics)
    yield made
    made.close()


@pytest.fixture
def relabel(workers: Workers, registry: Path) -> Relabel:
    return Relabel(workers, registry)


class Relabel:
    """Runs the command with an engine that needs no audio."""

    def __init__(self, workers: Workers, registry: Path) -> None:
        self._workers = workers
        self._registry = registry

    def start(self, *options: str) -> WorkerProcess:
        return self._workers.start(
            faults={"light": 0.01},
            sections={"model": {"registry": str(self._registry), "name": "linear"}},
            command=("relabel", "--json", *options),
        )

    def run(self, *options: str, status: int = 0) -> dict[str, Any]:
        process = self.start(*options)
        assert process.wait() == status, process.tail()
        ends = [line for line in process.log_lines() if line.get("event") == "ended"]
        return ends[-1] if ends else {}


def _upload(event: str, track: str, *, days: int) -> bytes:
    return (
        TrackUploaded(
            event_id=event,
            track_id=track,
            audio_uri="file:///nowhere.wav",
            uploaded_at=NOW + timedelta(days=days),
        )
        .model_dump_json(exclude_none=True)
        .encode()
    )


def _publish_with_gaps(settings: KafkaSettings, topics: Topics) -> None:
    """Publish two tracks, one of them also redriven late, one twice, and what is no upload; then a gap."""
    transactions = Transactions.registered(settings, topics)
    committed = [
        _upload("a-new", "a", days=2),
        _upload("b-1", "b", days=1),
        b"{",
        _upload("a-old", "a", days=1),
        _upload("b-2", "b", days=1),
    ]
    for values, end in ((committed, transactions.commit), ([b"aborted", b"too"], transactions.abort)):
        transactions.begin(uploads_of(topics), values)
        transactions.producer.flush(timeout_seconds=SECONDS)
        end()


def _event_ids(settings: KafkaSettings, topics: Topics, *, replay_id: str) -> list[str]:
    found = (label for label in labels(settings, topics) if label.replay_id == replay_id)
    return sorted(label.event_id for label in found)


def test_the_newest_upload_of_each_track_is_labelled_and_what_fails_is_a_dead_letter(
    settings: KafkaSettings, topics: Topics, relabel: Relabel
) -> None:
    _publish_with_gaps(settings, topics)
    end = relabel.run("--replay-id", "newest")
    assert end["finished"]
    assert end["done_offsets"] == end["total_offsets"] == 9  # a marker behind each transaction
    assert end["this_process"] == {"labelled": 2, "superseded": 2, "dead_lettered": 1, "range_end": 1}
    assert _event_ids(settings, topics, replay_id="newest") == ["a-new", "b-2"]
    (dead,) = dead_letters(settings, topics)
    assert dead.value == b"{"
    assert dict(dead.headers)["replay-id"] == b"newest"

    end = relabel.run("--replay-id", "every", "--all-uploads", "--from", "1")
    assert end["this_process"] == {"labelled": 3, "dead_lettered": 1, "range_end": 1}
    assert _event_ids(settings, topics, replay_id="every") == ["a-old", "b-1", "b-2"]

    again = relabel.run("--replay-id", "newest")
    assert (again["finished"], again["this_process"]) == (True, {})
    assert len(labels(settings, topics)) == 5


def test_what_expires_while_a_replay_rests_is_told_and_left_out(
    settings: KafkaSettings, topics: Topics, relabel: Relabel
) -> None:
    submit(settings, topics, (f"event-{n}" for n in range(30)))
    process = relabel.start("--replay-id", "rested", "--rate", "1")  # planned, and one track at most
    wait_until(lambda: "share it" in process.tail(), what="the plan", seconds=90.0)
    process.kill()
    admin = KafkaAdmin(settings, timeout_seconds=SECONDS)._client
    futures = admin.delete_records([ck.TopicPartition(uploads_of(topics), 0, 20)])
    assert [future.result(SECONDS).low_watermark for future in futures.values()] == [20]
    again = relabel.start("--replay-id", "rested")
    assert again.wait() == 0, again.tail()
    assert "20 offsets of it have expired" in again.tail()
    assert _event_ids(settings, topics, replay_id="rested") == [f"event-{n}" for n in range(20, 30)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_replay_that_is_stopped_says_how_to_go_on_and_goes_on(
    settings: KafkaSettings,
    topics: Topics,
    relabel: Relabel,
    follower: Follower,
    number: signal.Signals,
    status: int,
) -> None:
    submit(settings, topics, (f"event-{n}" for n in range(60)))
    process = relabel.start("--replay-id", "stopped", "--rate", "10")
    follower.wait_for(15, what="the first labels")
    process.process.send_signal(number)
    assert process.wait() == status, process.tail()
    assert "go on with: genrestream relabel --replay-id stopped" in process.tail()
    (ended,) = [line for line in process.log_lines() if line.get("event") == "ended"]
    assert not ended["finished"]
    done = len(labels(settings, topics))
    assert 15 <= done == ended["this_process"]["labelled"] < 60
    assert relabel.run("--replay-id", "stopped")["this_process"] == {"labelled": 60 - done}
    assert _event_ids(settings, topics, replay_id="stopped") == sorted(f"event-{n}" for n in range(60))


def test_what_contradicts_the_plan_or_makes_no_sense_is_one_line_and_status_two(
    settings: KafkaSettings, topics: Topics, relabel: Relabel
) -> None:
    submit(settings, topics, ["event-1"])
    relabel.run("--replay-id", "kept", "--model", "linear@2.0.0", "--to", "2030-01-01")
    for options, said in (
        (("--replay-id", "kept", "--model", "linear@3.0.0"), "planned with --model 2.0.0, not 3.0.0"),
        (("--replay-id", "kept", "--from", "2h"), "planned with --from (none), not 2h"),
        (("--from", "yesterday"), "neither a time nor an offset: 'yesterday'"),
        (("--replay-id", "a b"), "not a replay id"),
        (("--report", "page.html"), "--report is of a --dry-run"),
        (("--model", "linear@9.9.9"), "no such model"),
    ):
        process = relabel.start(*options)
        status = process.wait()
        (line,) = process.tail().splitlines()
        assert said in line
        assert status == (4 if said == "no such model" else 2), line
    assert len(labels(settings, topics)) == 1
    assert relabel.run("--replay-id", "kept", "--model", "linear", "--to", "2030-01-01")["finished"]


def test_the_feature_log_is_relabelled_by_the_same_command(
    settings: KafkaSettings, topics: Topics, relabel: Relabel
) -> None:
    tracks = [f"track-{number}" for number in range(300)]
    with Publisher(settings) as publisher:
        for track in tracks:
            value = encode_features(features_of(track))
            publisher.publish(OutputRecord(topics.features, track.encode(), value))
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    both = [relabel.start("--source", "features", "--replay-id", "log") for _ in range(2)]
    for process in both:
        assert process.wait() == 0, process.tail()
    found = labels(settings, topics)
    assert sorted(label.track_id for label in found) == sorted(tracks)
    assert {(label.replay_id, label.model.version) for label in found} == {("log", "3.0.0")}
