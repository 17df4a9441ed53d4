from __future__ import annotations

from collections.abc import Iterable

import pytest

from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import OffsetRange
from consumer.ports import Partitions, RebalanceListener
from consumer.replay.pace import Pace
from consumer.replay.range_consumer import RangeConsumer, RangeEnd
from tests.consumer.replay.members import HandedMember

A, B, UNPLANNED = (TopicPartition("uploads", number) for number in range(3))
RANGES = {A: OffsetRange(0, 10), B: OffsetRange(0, 10)}


def _record(offset: int, *, partition: TopicPartition = A) -> InputRecord:
    return InputRecord(partition, offset, key=None, value=b"v")


class Bench:
    def __init__(self, *, rate: float | None = None, tracks: int = 1) -> None:
        self.now = 0.0
        self.member = HandedMember()
        self.consumer = RangeConsumer(
            self.member.opened,
            ranges=RANGES,
            pace=Pace(rate, clock=lambda: self.now),
            tracks_of=lambda _: tracks,
        )
        self.told: list[tuple[str, Partitions]] = []
        listener = RebalanceListener(
            lambda partitions: self.told.append(("assign", partitions)),
            lambda partitions: self.told.append(("revoke", partitions)),
            lambda partitions: self.told.append(("lost", partitions)),
        )
        self.consumer.subscribe(["uploads"], listener=listener)

    def assign(self, *partitions: TopicPartition) -> None:
        self.member.listener.on_assign(partitions)

    def arrive(self, *arriving: InputRecord | tuple[TopicPartition, int]) -> None:
        self.member.arriving.extend(arriving)

    def poll_all(self, *, polls: int = 200) -> list[InputRecord]:
        records = (self.consumer.poll(0.1) for _ in range(polls))
        return [record for record in records if record is not None]


def _offsets(records: Iterable[InputRecord]) -> list[int]:
    return [record.offset for record in records]


def test_nothing_at_or_past_a_stop_is_given_and_the_partition_rests() -> None:
    bench = Bench()
    bench.assign(A)
    bench.arrive(_record(8), _record(9), _record(10), _record(11))
    assert _offsets(bench.poll_all()) == [8, 9]
    assert bench.member.paused == {A}


def test_a_range_that_ends_with_a_record_needs_no_end() -> None:
    bench = Bench()
    bench.assign(A)
    bench.arrive(_record(9), (A, 12))
    (last,) = bench.poll_all()
    assert not isinstance(last, RangeEnd)


@pytest.mark.parametrize("arriving", [(A, 10), (A, 14), _record(10), _record(13)])
def test_a_gap_at_the_stop_ends_in_a_record_that_stands_for_it(
    arriving: InputRecord | tuple[TopicPartition, int],
) -> None:
    bench = Bench()
    bench.assign(A)
    bench.arrive(_record(6), arriving)
    first, end = bench.poll_all()
    assert (first.offset, isinstance(first, RangeEnd)) == (6, False)
    assert (end.offset, isinstance(end, RangeEnd), end.topic_partition) == (9, True, A)
    assert bench.member.paused == {A}


def test_an_end_below_the_stop_is_waited_out() -> None:
    bench = Bench()
    bench.assign(A)
    bench.arrive(_record(6), (A, 8))
    assert _offsets(bench.poll_all()) == [6]
    assert bench.member.paused == set()


def test_one_partitions_end_stops_no_other() -> None:
    bench = Bench()
    bench.assign(A, B)
    bench.arrive(_record(9), _record(3, partition=B), _record(10), _record(4, partition=B))
    assert [(r.topic_partition, r.offset) for r in bench.poll_all()] == [(A, 9), (B, 3), (B, 4)]


def test_partitions_outside_the_plan_and_empty_ranges_are_left_alone() -> None:
    bench = Bench()
    bench.consumer._ranges = {A: OffsetRange(4, 4)}
    bench.assign(A, UNPLANNED)
    assert bench.member.paused == {A, UNPLANNED}
    bench.member.paused.clear()  # what was fetched before the pause
    bench.arrive(_record(4), _record(0, partition=UNPLANNED), (A, 5), (UNPLANNED, 1))
    assert bench.poll_all() == []


def test_the_loops_own_resumption_wakes_no_partition_that_is_read() -> None:
    bench = Bench()
    bench.assign(A, B)
    bench.arrive(_record(9))
    bench.poll_all()
    bench.consumer.pause([A, B])
    bench.consumer.resume([A, B])
    assert bench.member.paused == {A}


def test_what_waits_for_the_pace_goes_with_its_partition() -> None:
    bench = Bench(rate=1.0)
    bench.assign(A, B)
    bench.arrive(_record(0), _record(1), _record(0, partition=B))
    assert _offsets(bench.poll_all(polls=4)) == [0]
    bench.member.listener.on_revoke([A])
    bench.now = 60.0
    assert [(r.topic_partition, r.offset) for r in bench.poll_all()] == [(B, 0)]
    assert bench.told == [("assign", (A, B)), ("revoke", [A])]


def test_a_partition_that_comes_back_is_read_anew() -> None:
    bench = Bench()
    bench.assign(A)
    bench.arrive(_record(9))
    assert _offsets(bench.poll_all()) == [9]
    bench.member.listener.on_lost([A])
    bench.member.paused.clear()
    bench.assign(A)
    bench.arrive(_record(5))
    assert _offsets(bench.poll_all()) == [5]


def test_the_rate_holds_and_the_member_is_polled_all_the_same() -> None:
    bench = Bench(rate=2.0)
    bench.consumer._ranges = {A: OffsetRange(0, 1_000)}
    bench.assign(A)
    bench.arrive(*(_record(offset) for offset in range(300)))
    given = []
    for _ in range(100):
        bench.now += 0.1
        given += bench.poll_all(polls=5)
    assert _offsets(given) == list(range(len(given)))
    assert 20 <= len(given) <= 22  # ten seconds, and a second's burst
    assert len(bench.member.polls) > 400
    assert min(bench.member.polls) > 0.0  # never 0: it arms the client's own check of the interval
    # Beyond what may wait here the flow stops; nothing is lost when it goes on.
    assert bench.member.paused == {A}
    bench.now += 1_000.0
    while len(given) < 300:
        bench.now += 1.0
        given += bench.poll_all(polls=3)
    assert _offsets(given) == list(range(300))
    assert bench.member.paused == set()


def test_superseded_records_pass_at_any_rate() -> None:
    bench = Bench(rate=0.01, tracks=0)
    bench.assign(A)
    bench.arrive(*(_record(offset) for offset in range(10)))
    assert _offsets(bench.poll_all()) == list(range(10))


def test_a_commit_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transactions"):
        Bench().consumer.commit({A: 3})
