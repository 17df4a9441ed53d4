"""The tracker commits one past the unbroken run of done offsets, whatever happens in whatever order."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.jobs import TopicPartition
from consumer.loop.offsets import OffsetTracker
from consumer.loop.partitions import Assignment
from tests.consumer.records import outcome_at

PARTITION = TopicPartition("track-uploads", 0)


def _next_offset(tracker: OffsetTracker[str]) -> int | None:
    prefix = tracker.prefix(max_records=1_000, max_bytes=1_000_000)
    return prefix.next_offset if prefix else None


def _received(*offsets: int, n_events: int = 1) -> OffsetTracker[str]:
    tracker: OffsetTracker[str] = OffsetTracker(epoch=1)
    for offset in offsets:
        tracker.receive(offset, n_events=n_events)
    return tracker


def test_nothing_may_be_committed_while_the_head_is_unfinished() -> None:
    tracker = _received(0, 2, 4)
    tracker.complete(2, event_index=0, outcome="b")
    tracker.complete(4, event_index=0, outcome="c")
    assert _next_offset(tracker) is None
    assert tracker.head == 0


def test_the_next_offset_is_one_past_the_last_record_not_the_count() -> None:
    tracker = _received(10, 12, 20)
    tracker.complete(10, event_index=0, outcome="a")
    tracker.complete(12, event_index=0, outcome="b")
    assert _next_offset(tracker) == 13


def test_a_record_is_done_when_each_of_its_events_has_ended_once() -> None:
    tracker = _received(5, n_events=3)
    assert tracker.complete(5, event_index=1, outcome="b")
    assert not tracker.complete(5, event_index=1, outcome="again")
    assert tracker.complete(5, event_index=0, outcome="a")
    assert _next_offset(tracker) is None
    assert tracker.complete(5, event_index=2, outcome="c")
    prefix = tracker.prefix(max_records=10, max_bytes=10)
    assert prefix is not None
    assert list(prefix.records[0].ended()) == ["a", "b", "c"]


def test_a_record_without_events_is_done_at_once() -> None:
    assert _next_offset(_received(7, n_events=0)) == 8


def test_an_offset_that_goes_back_is_refused() -> None:
    with pytest.raises(ValueError, match="offset=3 received after offset=4"):
        _received(4, 3)


def test_limits_cut_the_prefix_but_never_to_nothing() -> None:
    tracker = _received(1, 2, 3)
    for offset in (1, 2, 3):
        tracker.complete(offset, event_index=0, outcome="x", size_bytes=100)
    by_count = tracker.prefix(max_records=2, max_bytes=1_000)
    by_bytes = tracker.prefix(max_records=9, max_bytes=250)
    oversized = tracker.prefix(max_records=9, max_bytes=1)
    assert by_count is not None
    assert by_count.next_offset == 3
    assert by_bytes is not None
    assert by_bytes.next_offset == 3
    assert oversized is not None
    assert oversized.next_offset == 2
    assert tracker.ready_bytes == 300


def test_a_commit_learnt_late_covers_unfinished_records_too() -> None:
    tracker = _received(1, 2, 3)
    tracker.complete(1, event_index=0, outcome="a", size_bytes=10)
    tracker.forget(3)
    assert not tracker.complete(2, event_index=0, outcome="late")
    assert (tracker.head, tracker.uncommitted, tracker.ready_bytes) == (3, 1, 0)


def test_an_outcome_is_replaced_where_it_stands() -> None:
    old, new = "a" * 9, "b"
    tracker = _received(1)
    tracker.complete(1, event_index=0, outcome=old)
    tracker.replace(old, new)
    tracker.replace("no such outcome", "c")
    prefix = tracker.prefix(max_records=1, max_bytes=1)
    assert prefix is not None
    assert list(prefix.records[0].ended()) == [new]


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[int]]:
    """Records with gaps between their offsets and 0 to 3 events, and an order of what then happens."""
    gaps = draw(st.lists(st.integers(1, 5), min_size=1, max_size=12))
    records = [(offset, draw(st.integers(0, 3))) for offset in accumulate(gaps)]
    return records, draw(st.lists(st.integers(0, 1_000), max_size=80))


@given(_histories())
def test_any_order_of_events_commits_only_what_is_done_never_goes_back_and_drains(
    history: tuple[list[tuple[int, int]], list[int]],
) -> None:
    records, choices = history
    tracker: OffsetTracker[str] = OffsetTracker(epoch=1)
    unreceived, committed = list(records), 0
    unfinished: dict[int, set[int]] = {}

    def commit() -> None:
        nonlocal committed
        prefix = tracker.prefix(max_records=3, max_bytes=1_000)
        if prefix is None:
            return
        assert prefix.next_offset > committed
        assert all(offset >= prefix.next_offset for offset, events in unfinished.items() if events)
        assert prefix.next_offset - 1 in {offset for offset, _ in records}
        tracker.forget(prefix.next_offset)
        committed = prefix.next_offset

    def turn(choice: int) -> None:
        pending = [(offset, event) for offset, events in unfinished.items() for event in events]
        if choice % 3 == 0 and unreceived:
            offset, n_events = unreceived.pop(0)
            tracker.receive(offset, n_events=n_events)
            unfinished[offset] = set(range(n_events))
        elif choice % 3 == 1 and pending:
            offset, event = pending[choice % len(pending)]
            assert tracker.complete(offset, event_index=event, outcome="done")
            unfinished[offset].discard(event)
        else:
            commit()

    for choice in choices:
        turn(choice)
    while unreceived:
        turn(0)
    while any(unfinished.values()):
        turn(1)
    while tracker.ready_records:
        commit()
    assert committed == records[-1][0] + 1
    assert tracker.uncommitted == 0


@given(st.lists(st.sampled_from(["assign", "revoke", "receive", "complete", "late"]), max_size=60))
def test_what_was_started_before_a_partition_went_never_counts_after_it_came_back(steps: list[str]) -> None:
    assignment, committed, offset = Assignment(), 0, 0
    started: list[tuple[int, int]] = []  # epoch and offset
    late: list[tuple[int, int]] = []
    for step in steps:
        state = assignment.get(PARTITION)
        if step == "assign" and state is None:
            assignment.add([PARTITION])
            offset = committed
        elif step == "revoke" and state is not None:
            assignment.drop([PARTITION])
            late += started
            started = []
        elif step == "receive" and state is not None:
            state.tracker.receive(offset, n_events=1)
            started.append((state.epoch, offset))
            offset += 2
        elif step == "complete" and state is not None and started:
            _, done = started.pop(0)
            state.tracker.complete(done, event_index=0, outcome=outcome_at(done))
            prefix = state.tracker.prefix(max_records=9, max_bytes=9)
            assert prefix is not None
            assert prefix.next_offset > committed
            committed = prefix.next_offset
            state.tracker.forget(committed)
        elif step == "late" and late:
            epoch, _ = late.pop()
            assert assignment.get(PARTITION, epoch=epoch) is None
