from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from tests.broker.harness import Broker, Topics, make_topics, wait_until
from tests.broker.workers import Workers, label_counts, submit, wait_for_labels

Kafka = Callable[..., KafkaSettings]


def test_a_rebalance_while_tracks_are_in_flight_loses_and_repeats_nothing(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    first = workers.start(slot=0, faults={"light": 1.5})
    first.wait_until_ready()
    submit(settings, topics, (f"event-{i}" for i in range(300)))
    wait_for_labels(settings, topics, 20, workers=workers)  # the others are in flight or wait
    second = workers.start(slot=1, faults={"light": 1.5})
    second.wait_until_ready()
    submit(settings, topics, (f"late-{i}" for i in range(60)))
    wait_for_labels(settings, topics, 330, workers=workers)
    assert first.stop() == 0, first.tail()  # its partitions go to the second, tracks in flight or not
    wait_for_labels(settings, topics, 360, workers=workers)
    assert second.stop() == 0, second.tail()
    counts = label_counts(settings, topics)
    assert len(counts) == 360
    assert set(counts.values()) == {1}


def test_members_that_join_leave_and_die_lose_and_repeat_nothing(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    stop = threading.Event()
    submitted: list[str] = []

    def keep_submitting() -> None:
        for number in itertools.count():
            batch = [f"event-{number}-{i}" for i in range(10)]
            submit(settings, topics, batch)
            submitted.extend(batch)
            if stop.wait(0.2):
                return

    steady = workers.start(slot=0, faults={"light": 0.5})
    steady.wait_until_ready()
    submitting = threading.Thread(target=keep_submitting)
    submitting.start()
    try:
        for turn in range(2):
            guest = workers.start(slot=1, faults={"light": 0.5})
            guest.wait_until_ready()
            seen = len(label_counts(settings, topics))
            wait_for_labels(settings, topics, seen + 20, workers=workers)
            if turn == 0:
                guest.kill()
            else:
                assert guest.stop() == 0, guest.tail()
    finally:
        stop.set()
        submitting.join()
    wait_for_labels(settings, topics, len(submitted), workers=workers)
    assert steady.stop() == 0, steady.tail()
    counts = label_counts(settings, topics)
    assert set(counts) == set(submitted)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("protocol", ["classic"])  # its end under KIP-848 is in the tests above
def test_a_worker_told_to_end_finishes_what_it_has_started(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    worker = workers.start(faults={"light": 1.5}, sections={"worker": {"max_in_flight": 30}})
    worker.wait_until_ready()
    submit(settings, topics, (f"event-{i}" for i in range(200)))
    wait_for_labels(settings, topics, 1, workers=workers)
    worker.terminate()
    assert worker.wait() == 0, worker.tail()
    drained = label_counts(settings, topics)
    assert 20 <= len(drained) < 200  # the started ones and no others
    heir = workers.start(faults={"light": 0.1})
    wait_for_labels(settings, topics, 200, workers=workers)
    assert heir.stop() == 0, heir.tail()
    counts = label_counts(settings, topics)
    assert len(counts) == 200
    assert set(counts.values()) == {1}


def test_one_of_two_workers_with_one_transactional_id_ends_with_status_3(
    broker: Broker, kafka: Kafka, tmp_path: Path
) -> None:
    settings = kafka()
    topics = make_topics(broker, partitions=4, retry_seconds=())  # both get partitions of uploads
    workers = Workers(settings, topics, tmp_path)
    try:
        twins = [workers.start(slot=0, faults={"light": 0.1}) for _ in range(2)]
        for twin in twins:
            twin.wait_until_ready()
        submitted: list[str] = []

        def one_ended() -> bool:
            batch = [f"event-{len(submitted)}-{i}" for i in range(9)]  # something to commit for both
            submit(settings, topics, batch)
            submitted.extend(batch)
            return any(twin.process.poll() is not None for twin in twins)

        wait_until(one_ended, what="the end of a twin", seconds=60)
        ended = next(twin for twin in twins if twin.process.poll() is not None)
        (living,) = (twin for twin in twins if twin is not ended)
        assert ended.process.returncode == 3, ended.tail()
        assert "transactional" in ended.tail()
        wait_for_labels(settings, topics, len(submitted), workers=workers)
        assert living.stop() == 0, living.tail()
        counts = label_counts(settings, topics)
        assert set(counts) == set(submitted)
        assert set(counts.values()) == {1}
    finally:
        workers.close()


@pytest.mark.parametrize(
    ("protocol", "recovery"),
    # The client's own default, rebootstrap, leaves calls that never return: they must not stop the worker.
    [("classic", "none"), ("consumer", "rebootstrap")],
)
def test_a_worker_outlives_a_restart_of_the_broker(
    broker: Broker, settings: KafkaSettings, topics: Topics, workers: Workers, recovery: str
) -> None:
    if broker.local is None:
        pytest.skip("the broker of KAFKA_BOOTSTRAP_SERVERS is not ours to stop")
    properties = {"metadata.recovery.strategy": recovery}
    worker = workers.start(faults={"light": 0.3}, kafka={"producer_properties": properties})
    worker.wait_until_ready()
    submit(settings, topics, (f"before-{i}" for i in range(60)))
    wait_for_labels(settings, topics, 10, workers=workers)
    broker.local.stop()
    broker.local.start()
    submit(settings, topics, (f"after-{i}" for i in range(60)))
    wait_for_labels(settings, topics, 120, workers=workers)
    assert worker.stop() == 0, worker.tail()
    counts = label_counts(settings, topics)
    assert len(counts) == 120
    assert set(counts.values()) == {1}
