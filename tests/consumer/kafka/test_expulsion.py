from __future__ import annotations

from consumer.jobs import TopicPartition
from consumer.kafka.expulsion import Expulsion

HELD = [TopicPartition("t", 0), TopicPartition("t", 1)]


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _polled_after(seconds: float) -> tuple[Expulsion, _Clock]:
    clock = _Clock()
    expulsion = Expulsion(10.0, clock=clock)
    clock.now += seconds
    expulsion.before_poll(HELD)
    expulsion.after_poll()
    return expulsion, clock


def test_a_member_that_polls_in_time_is_not_suspected() -> None:
    expulsion, _ = _polled_after(9.9)
    assert not expulsion.is_suspected


def test_a_late_poll_is_suspicious_until_word_of_an_expulsion_must_have_come() -> None:
    expulsion, clock = _polled_after(10.1)
    assert expulsion.is_suspected
    clock.now += 1.1
    assert not expulsion.is_suspected


def test_a_confirmed_expulsion_lasts_until_every_partition_was_given_up() -> None:
    expulsion, clock = _polled_after(10.1)
    expulsion.confirm(HELD)
    clock.now += 100.0
    assert expulsion.is_suspected
    expulsion.settle(HELD[:1])
    assert expulsion.is_suspected
    expulsion.settle(HELD[1:])
    assert not expulsion.is_suspected


def test_partitions_that_come_after_an_expulsion_are_above_suspicion() -> None:
    expulsion, _ = _polled_after(10.1)
    expulsion.confirm(HELD)
    expulsion.settle(HELD)
    expulsion.before_poll(HELD)
    assert not expulsion.is_suspected


def test_without_partitions_there_is_nothing_to_suspect() -> None:
    clock = _Clock()
    expulsion = Expulsion(10.0, clock=clock)
    clock.now += 100.0
    expulsion.before_poll([])
    assert not expulsion.is_suspected
