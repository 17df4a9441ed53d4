from __future__ import annotations

from collections.abc import Mapping
from threading import Event

import pytest

from consumer.jobs import TopicPartition
from consumer.kafka import CommittedOffset
from consumer.ports import BrokerError
from consumer.replay import progress
from consumer.replay.progress import ProgressWatch, ReplayProgress, done_of, duration
from tests.consumer.replay.plans import plan_of

A, B = (TopicPartition("track-uploads", number) for number in range(2))


class Offsets:
    """Gives one answer after the other, and the last for ever."""

    def __init__(self, *answers: tuple[int, int] | BrokerError) -> None:
        self._answers = list(answers)

    def read(self, *, timeout_seconds: float) -> Mapping[TopicPartition, CommittedOffset]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BrokerError):
            raise answer
        return {place: CommittedOffset(offset, "") for place, offset in zip((A, B), answer, strict=True)}


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        ({}, (0, False)),
        ({A: 25, B: 20}, (5, False)),
        ({A: 100, B: 39}, (99, False)),
        ({A: 100, B: 40}, (100, True)),
        ({A: 900, B: 40}, (100, True)),
        ({A: 3, B: 40}, (20, False)),
    ],
)
def test_what_is_done_is_counted_within_the_ranges(
    committed: dict[TopicPartition, int], expected: tuple[int, bool]
) -> None:
    plan = plan_of(100, 40, start=20)
    found = {place: CommittedOffset(offset, "") for place, offset in committed.items()}
    assert plan.total == 100
    assert done_of(plan, found) == expected


def test_a_plan_of_nothing_is_done() -> None:
    assert done_of(plan_of(0, 0), {}) == (0, True)
    assert ReplayProgress(0, 0, 0.0, finished=True).words() == "0 of 0 offsets (100.0%)"


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    now = 0.0
    watch = ProgressWatch(
        plan_of(1_000, 1_000),
        offsets=Offsets((0, 0), (100, 0), (100, 100), (100, 700)),
        on_progress=lambda _: None,
        clock=lambda: now,
    )
    assert watch.look().left_seconds is None
    now = 10.0
    assert watch.look() == ReplayProgress(100, 2_000, rate=10.0, finished=False)
    now = 20.0
    assert watch.look().words() == "200 of 2,000 offsets (10.0%), 10.0/s, 3:00 left"
    now = 40.0
    assert watch.look().rate == 700 / 30


def test_a_watch_goes_on_over_a_brokers_trouble_and_ends_with_the_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "_LOOK_SECONDS", 0.01)
    seen: list[ReplayProgress] = []
    finished = Event()

    def note(found: ReplayProgress) -> None:
        seen.append(found)
        if found.finished:
            finished.set()

    trouble = BrokerError("no answer", code="_TIMED_OUT", retriable=True)
    with ProgressWatch(plan_of(5, 5), offsets=Offsets((0, 5), trouble, (5, 5)), on_progress=note):
        assert finished.wait(10.0)
    assert [found.done for found in seen] == [5, 10]


def test_a_duration_is_written_as_people_do() -> None:
    assert [duration(seconds) for seconds in (0.0, 6.2, 61.0, 3_723.0)] == ["0:00", "0:07", "1:01", "1:02:03"]
