"""Partitions come and go, workers stop: started work is finished where there is time, and never stolen."""

from __future__ import annotations

import pytest

from consumer.errors import AudioNotFoundError
from consumer.jobs import TopicPartition
from consumer.memory_broker import MemoryConsumer
from consumer.ports import BrokerError, RebalanceListener
from modelzoo.errors import ModelError
from tests.consumer.loop_bench import Bench
from tests.consumer.records import settings_with

UPLOADS = TopicPartition("track-uploads", 0)


def _started(**worker: object) -> Bench:
    bench = Bench(settings_with(worker=worker))
    bench.start()
    return bench


class _Rival:
    """A second member that takes its share of the partitions."""

    def __init__(self, bench: Bench) -> None:
        self.owned: set[TopicPartition] = set()
        self.consumer: MemoryConsumer = bench.new_consumer("rival")
        listener = RebalanceListener(
            self.owned.update, self.owned.difference_update, self.owned.difference_update
        )
        self.consumer.subscribe(bench.settings.topics.inputs, listener=listener)

    def poll(self) -> None:
        self.consumer.poll(0.01)


def _revoke_all(bench: Bench) -> None:
    """Let a rebalance take every partition, as closing does."""
    bench.consumer.close()


def test_started_tracks_are_waited_for_and_committed_before_their_partition_goes() -> None:
    bench = _started()
    bench.publish(1, 2)
    bench.turn(4)
    bench.timeline.plan(2.0, lambda: bench.engine.end(1))
    bench.timeline.plan(3.0, lambda: bench.engine.end(2, AudioNotFoundError("gone")))
    _revoke_all(bench)
    assert bench.committed() == 2
    assert (len(bench.labels()), len(bench.dead_letters())) == (1, 1)
    assert 3.0 <= bench.timeline.now < 4.0


def test_unstarted_tracks_are_cancelled_and_not_waited_for() -> None:
    bench = _started()
    bench.publish(1, 2)
    bench.turn(4)
    bench.engine.unstarted.add(bench.engine.jobs["track-2"].ticket)
    bench.timeline.plan(1.0, lambda: bench.engine.end(1))
    _revoke_all(bench)
    assert bench.committed() == 1
    assert bench.timeline.now < 3.0


def test_a_track_that_takes_too_long_is_left_to_the_next_owner() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(4)
    started_at = bench.timeline.now
    _revoke_all(bench)
    assert bench.committed() == 0
    assert 10.0 <= bench.timeline.now - started_at < 11.0  # min(0.2 x 300 s, 10 s)
    bench.engine.end(1)
    bench.turn(2)
    assert bench.labels() == []
    assert bench.counted("stale_completions_total") == 1


def test_an_error_while_partitions_go_never_escapes_and_ends_the_next_turn() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(4)
    bench.engine.end(1, ModelError("gone"))
    _revoke_all(bench)
    assert bench.committed() == 0
    with pytest.raises(ModelError):
        bench.loop.step()


def test_lost_partitions_are_dropped_without_a_word_to_the_broker() -> None:
    bench = _started()
    bench.publish(1, 2)
    bench.turn(4)
    bench.engine.end(1)
    bench.timeline.advance(301.0)  # past max.poll.interval: the group has given the partitions away
    assert bench.loop.step()
    bench.engine.end(2)
    asked: list[str] = []
    bench.broker.hook = lambda request: asked.append(request.operation)
    assert bench.loop.step()
    assert bench.labels() == []
    assert set(asked) <= {"poll"}
    assert bench.counted("rebalances_total", kind="lost") == 1


def test_a_worker_that_lost_its_membership_does_not_flush() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(3)
    bench.consumer.frozen = True
    bench.timeline.advance(46.0)
    bench.broker.expire()
    bench.engine.end(1)
    bench.timeline.advance(48.0 - bench.timeline.now % 3.0)  # a heartbeat has brought the news
    assert bench.consumer.group_metadata().generation <= 0
    bench.loop._collector.collect()
    bench.loop._flush_if_due()
    assert bench.labels() == []
    assert bench.counted("transactions_total", result="skipped_membership") == 1


def test_a_newcomer_gets_its_share_and_every_track_one_label() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(3)
    rival = _Rival(bench)
    bench.timeline.plan(0.5, lambda: bench.engine.end(1))

    def shared() -> bool:
        rival.poll()
        return len(rival.owned) == 2 and bench.counted("assigned_partitions") == 2

    bench.turn_until(lambda: shared() and bench.committed() == 1)
    assert len(bench.labels()) == 1


def test_pauses_outlive_an_assignment_of_other_partitions() -> None:
    bench = _started(max_in_flight=1, max_backlog_per_partition=2)
    rival = _Rival(bench)

    def settled(mine: int) -> bool:
        rival.poll()
        return len(bench.consumer._owned) == mine

    bench.turn_until(lambda: settled(2) and len(rival.owned) == 2)
    [record] = bench.publish(1)
    topic = record.topic_partition
    mine = topic in bench.consumer._owned
    if not mine:
        rival.consumer.close()
        bench.turn_until(lambda: topic in bench.consumer._owned)
    bench.publish(2, 3, 4)
    bench.turn_until(lambda: topic in bench.consumer._paused)
    if mine:
        rival.consumer.close()
        bench.turn_until(lambda: len(bench.consumer._owned) == 4)
    bench.turn(5)
    assert bench.consumer._paused == {topic}


def test_a_stop_finishes_started_tracks_takes_no_more_and_leaves_the_group() -> None:
    bench = Bench(settings_with(worker={"max_in_flight": 1}))
    bench.publish(1, 2)
    bench.timeline.plan(1.0, bench.loop.request_stop)
    bench.timeline.plan(3.0, lambda: bench.engine.end(1))
    bench.loop.run()
    assert [label.track_id for label in bench.labels()] == ["track-1"]
    assert bench.committed() == 1
    assert list(bench.engine.jobs) == ["track-1"]
    assert bench.timeline.now < 4.0
    assert not bench.broker.groups.group("genrestream").members


def test_a_stop_polls_on_while_it_drains() -> None:
    bench = _started()
    bench.publish(1)
    bench.turn(3)
    bench.loop.request_stop()
    polls: list[str] = []
    bench.broker.hook = lambda request: polls.append(request.operation)
    bench.turn(5)
    assert polls.count("poll") == 5
    assert bench.loop.snapshot.stopping


def test_a_stop_gives_up_after_its_budget() -> None:
    bench = Bench(settings_with(worker={"drain_seconds": 5.0}))
    bench.publish(1)
    bench.timeline.plan(1.0, bench.loop.request_stop)
    bench.loop.run()
    assert bench.committed() == 0
    assert 5.0 < bench.timeline.now < 8.0


def test_a_second_stop_ends_at_once_and_without_a_word() -> None:
    bench = Bench(settings_with())
    bench.publish(1)
    bench.timeline.plan(1.0, bench.loop.request_stop)
    bench.timeline.plan(2.0, bench.loop.request_stop)
    bench.loop.run()
    assert bench.timeline.now < 2.5
    assert bench.broker.groups.group("genrestream").members  # the session's time-out will end it


def test_the_group_is_reported_as_joined_and_polls_are_fresh() -> None:
    bench = _started()
    bench.turn(10)
    assert bench.loop.snapshot.joined
    assert bench.timeline.now - bench.loop.snapshot.polled_at < 0.2
    assert bench.counted("assigned_partitions") == 4


def test_a_partition_that_goes_is_gone_from_what_is_shown_after_the_same_turn() -> None:
    bench = _started()
    bench.publish(1, 2, 3)  # turns are short while tracks are under way
    bench.turn(10)
    before = len(bench.loop.snapshot.partitions)
    rival = _Rival(bench)
    while not bench.counted("rebalances_total", kind="revoked"):
        rival.poll()
        bench.turn()
    assert len(bench.loop.snapshot.partitions) < before


def test_gauges_of_partitions_that_went_are_removed() -> None:
    bench = _started()
    bench.turn(10)
    labels = {"topic": "track-uploads", "partition": "0"}
    registry = bench.metrics.registry
    assert registry.get_sample_value("genrestream_in_flight_tracks", labels) == 0.0
    _revoke_all(bench)
    assert registry.get_sample_value("genrestream_in_flight_tracks", labels) is None


def test_a_poll_with_no_time_is_refused() -> None:
    bench = _started()
    with pytest.raises(ValueError, match="must be positive"):
        bench.consumer.poll(0.0)
    with pytest.raises(BrokerError, match="not assigned"):
        bench.consumer.pause([TopicPartition("track-uploads", 9)])
