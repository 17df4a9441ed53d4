from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from consumer.events import TrackLabelled
from consumer.kafka import GroupOffsets
from tests.broker.following import Follower
from tests.broker.harness import SECONDS, Broker, Topics, make_topics, uploads_of
from tests.broker.workers import WorkerProcess, Workers, labels, submit, wait_for_labels
from tests.modelzoo.artifacts import write_model

LIVE, NEW = "1.0.0", "2.0.0"


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=4)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Holds another version of the model than live workers speak by."""
    root = tmp_path / "registry"
    write_model(root, name="linear", version=NEW)
    return root


@pytest.fixture
def follower(settings: KafkaSettings, topics: Topics) -> Iterator[Follower]:
    made = Follower(settings, topics)
    yield made
    made.close()


def _relabel(
    workers: Workers, registry: Path, *options: str, replay_id: str = "r1", light: float = 0.02
) -> WorkerProcess:
    return workers.start(
        faults={"light": light},
        sections={"model": {"registry": str(registry), "name": "linear"}},
        command=("relabel", "--replay-id", replay_id, "--json", *options),
    )


def _ended(process: WorkerProcess, *, seconds: float = 120.0) -> dict[str, object]:
    status = process.wait(seconds=seconds)
    lines = process.log_lines()
    assert status == 0, process.tail()
    (ended,) = [line for line in lines if line.get("event") == "ended"]
    return ended


def _events(count: int, *, start: int = 0) -> Iterable[str]:
    return (f"event-{number}" for number in range(start, start + count))


def _of_replay(found: Iterable[TrackLabelled], replay_id: str | None) -> list[TrackLabelled]:
    return [label for label in found if label.replay_id == replay_id]


def test_a_replay_that_is_killed_and_shared_labels_every_track_once_beside_live_uploads(
    settings: KafkaSettings, topics: Topics, workers: Workers, registry: Path, follower: Follower
) -> None:
    live = workers.start(faults={"light": 0.02})
    live.wait_until_ready()
    submit(settings, topics, _events(2_000))
    wait_for_labels(settings, topics, 2_000, workers=workers)

    doomed = _relabel(workers, registry, "--rate", "400")
    follower.wait_for(100, what="the replay's first labels")
    submit(settings, topics, _events(100, start=2_000))
    follower.wait_for(700, what="a third of the replay")
    doomed.kill()
    both = [_relabel(workers, registry), _relabel(workers, registry)]
    submit(settings, topics, _events(100, start=2_100))
    ends = [_ended(process) for process in both]
    wait_for_labels(settings, topics, 2_200, workers=workers)
    assert live.stop() == 0, live.tail()

    found = labels(settings, topics)
    new, old = _of_replay(found, "r1"), _of_replay(found, None)
    assert len(found) == len(new) + len(old)
    assert Counter(label.event_id for label in new) == Counter(_events(2_000))
    assert Counter(label.event_id for label in old) == Counter(_events(2_200))
    assert {label.model.version for label in new} == {NEW}
    assert len({label.result_id for label in found}) == 4_200
    assert all(end["finished"] and end["total_offsets"] == 2_000 for end in ends)
    shares = [dict(end["this_process"]) for end in ends]  # type: ignore[call-overload]  # an object of JSON
    assert 0 < sum(share.get("labelled", 0) for share in shares) < 2_000
    _assert_live_group_is_alone(settings, topics, uploads=2_200)


def _assert_live_group_is_alone(settings: KafkaSettings, topics: Topics, *, uploads: int) -> None:
    committed = GroupOffsets(settings).read(timeout_seconds=SECONDS)
    ours = {place: found for place, found in committed.items() if place.topic == uploads_of(topics)}
    assert sum(found.offset for found in ours.values()) == uploads
    assert {found.metadata for found in ours.values()} == {""}
