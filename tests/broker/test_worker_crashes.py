from __future__ import annotations

from pathlib import Path

import pytest

from consumer.config import Delivery, KafkaSettings
from consumer.jobs import TopicPartition
from consumer.kafka import KafkaConsumer
from tests import audio
from tests.broker.harness import SECONDS, Member, Topics, publish, uploads_of, wait_until
from tests.broker.workers import Workers, label_counts, submit, upload, wait_for_labels


# Real audio under the default protocol; the engine without audio starts sooner and stands in under the other.
@pytest.mark.parametrize(("protocol", "faults"), [("classic", {}), ("consumer", {"light": 1.0})])
def test_two_hundred_tracks_survive_the_death_of_one_of_two_workers(
    settings: KafkaSettings, topics: Topics, workers: Workers, tmp_path: Path, faults: dict[str, float]
) -> None:
    files = [
        audio.encode(
            audio.music(1.2, 22_050, seed=seed), 22_050, codec="wav_s16", path=tmp_path / f"{seed}.wav"
        )
        for seed in range(8)
    ]
    event_ids = {f"event-{i}" for i in range(200)}
    values = [upload(event_id, uri=files[i % 8].as_uri()) for i, event_id in enumerate(sorted(event_ids))]
    doomed, survivor = workers.start(slot=0, faults=faults), workers.start(slot=1, faults=faults)
    doomed.wait_until_ready()
    survivor.wait_until_ready()
    publish(settings, uploads_of(topics), values)
    wait_for_labels(settings, topics, 60, workers=workers)
    doomed.kill()
    counts = wait_for_labels(settings, topics, 200, workers=workers)
    assert survivor.stop() == 0, survivor.tail()
    counts = label_counts(settings, topics)
    assert set(counts) == event_ids
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("before", ["send_offsets", "commit_transaction"])
def test_a_crash_placed_around_the_commit_loses_and_repeats_nothing(
    settings: KafkaSettings, topics: Topics, workers: Workers, before: str
) -> None:
    submit(settings, topics, (f"event-{i}" for i in range(120)))
    crashing = workers.start(
        faults={"light": 0.2, "crash": {"before": before, "call": 3}},
        sections={"worker": {"flush_records": 15}},
    )
    assert crashing.wait() == -9
    before_heir = label_counts(settings, topics)
    assert 0 < len(before_heir) < 120
    heir = workers.start(faults={"light": 0.2})  # the same transactional.id ends the open transaction at once
    wait_for_labels(settings, topics, 120, workers=workers)
    assert heir.stop() == 0, heir.tail()
    counts = label_counts(settings, topics)
    assert len(counts) == 120
    assert set(counts.values()) == {1}
    assert _committed_records(settings, topics) == 120


@pytest.mark.parametrize("protocol", ["classic"])  # the group has no part in it
def test_the_broker_ends_the_transaction_of_a_worker_that_never_comes_back(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    submit(settings, topics, (f"event-{i}" for i in range(60)))
    # Tracks end over a whole second, so that there is a second flush to crash in.
    crashing = workers.start(
        slot=0, faults={"light": 1.0, "crash": {"before": "commit_transaction", "call": 2}}
    )
    assert crashing.wait() == -9
    other = workers.start(slot=1, faults={"light": 0.2})
    wait_for_labels(settings, topics, 60, workers=workers)
    assert other.stop() == 0, other.tail()
    assert set(label_counts(settings, topics).values()) == {1}


def test_the_same_crash_at_least_once_loses_nothing_and_repeats_something(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    # Shows that the crash is placed where it hurts: what transactions prevent happens without them.
    at_least_once = {"delivery": Delivery.AT_LEAST_ONCE.value}
    submit(settings, topics, (f"event-{i}" for i in range(60)))
    crashing = workers.start(
        kafka=at_least_once, faults={"light": 1.0, "crash": {"before": "flush", "call": 2}}
    )
    assert crashing.wait() == -9
    heir = workers.start(kafka=at_least_once, faults={"light": 0.2})
    wait_until(lambda: label_counts(settings, topics).total() > 60, what="a repeated label")
    wait_for_labels(settings, topics, 60, workers=workers)
    assert heir.stop() == 0, heir.tail()
    assert len(label_counts(settings, topics)) == 60


def _committed_records(settings: KafkaSettings, topics: Topics) -> int:
    """How many uploads the group's offsets count as done."""
    member = Member(KafkaConsumer(settings))
    partitions = [TopicPartition(uploads_of(topics), number) for number in range(3)]
    committed = member.consumer.committed(partitions, timeout_seconds=SECONDS)
    member.consumer.close()
    return sum(committed.values())
