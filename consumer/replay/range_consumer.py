"""Turns a member of a replay's group into one that reads the plan's ranges only, at the wanted pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from consumer.jobs import InputRecord, TopicPartition
from consumer.ports import ConsumerPort, GroupMetadata, Partitions, RebalanceListener
from consumer.replay.pace import Pace

if TYPE_CHECKING:
    from consumer.kafka import OffsetRange

_HELD_RECORDS: Final = 64
"""So many wait for their turn before the flow stops, and a quarter of them when it goes on: a pause throws
away what the client fetched ahead."""
_SHORTEST_POLL_SECONDS: Final = 0.001

OnEnd = Callable[[TopicPartition, int], None]


class RangeEnd(InputRecord):
    """Stands for the last offset of a range where no record does: once it is done, so is the range.

    Transaction markers, aborted and compacted records leave such gaps. Nothing but this record's coming says
    that nothing else comes before the stop.
    """

    __slots__ = ()


class RangeConsumer:
    """A `ConsumerPort` that gives the records of a plan's ranges and then the end of each.

    Every call comes from one thread. Records past a stop, and partitions that are not in the plan, are left
    alone. While records wait for the pace, the member goes on being polled, so that rebalances are served.

    Parameters
    ----------
    open_member : callable
        Opens the member of the group, given the function that it calls, within its `poll`, with a partition
        and its end's offset once all there is was handed over.
    ranges : Mapping of TopicPartition to OffsetRange
        Of the plan.
    pace : Pace
        How many tracks a second may pass.
    tracks_of : callable
        How many tracks of a record are to be labelled; superseded ones pass at once.
    """

    def __init__(
        self,
        open_member: Callable[[OnEnd], ConsumerPort],
        *,
        ranges: Mapping[TopicPartition, OffsetRange],
        pace: Pace,
        tracks_of: Callable[[InputRecord], int],
    ) -> None:
        self._ranges = ranges
        self._pace = pace
        self._tracks_of = tracks_of
        self._held: deque[tuple[InputRecord, int]] = deque()
        self._assigned: set[TopicPartition] = set()
        self._read: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._holding = False
        self._member = open_member(self._on_end)

    def subscribe(self, topics: Sequence[str], *, listener: RebalanceListener) -> None:
        """Join the group; partitions arrive through the listener."""

        def on_assign(partitions: Partitions) -> None:
            self._forget(partitions)
            self._assigned.update(partitions)
            listener.on_assign(partitions)
            for partition in partitions:
                span = self._ranges.get(partition)
                if span is None or not len(span):
                    self._leave(partition)
            self._holding = False  # looked at anew for the new ones too

        def on_revoke(partitions: Partitions) -> None:
            listener.on_revoke(partitions)
            self._forget(partitions)

        def on_lost(partitions: Partitions) -> None:
            listener.on_lost(partitions)
            self._forget(partitions)

        self._member.subscribe(topics, listener=RebalanceListener(on_assign, on_revoke, on_lost))

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        """Give the next record of a range, or its end; None after the time-out, or while it must wait."""
        if (record := self._next()) is not None:
            return record  # at most as many in a row as are held: the member is polled in between
        if self._held:
            waiting = self._pace.wait_seconds(self._held[0][1])
            timeout_seconds = max(min(timeout_seconds, waiting), _SHORTEST_POLL_SECONDS)
        arrived = self._member.poll(timeout_seconds)
        if arrived is not None:
            self._take(arrived)
        self._balance()
        return self._next()

    def pause(self, partitions: Partitions) -> None:
        """Stop the flow of records from these assigned partitions."""
        self._paused.update(partitions)
        self._member.pause(partitions)

    def resume(self, partitions: Partitions) -> None:
        """Undo `pause`; what is read to its end, or waits for the pace, stays as it is."""
        self._paused.difference_update(partitions)
        self._let_flow(partitions)

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as it is now."""
        return self._member.group_metadata()

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read the group's committed next offsets."""
        return self._member.committed(partitions, timeout_seconds=timeout_seconds)

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Refuse: a commit outside a transaction would wipe out the plan's notes.

        Raises
        ------
        RuntimeError
            Always.
        """
        raise RuntimeError(f"a replay commits in transactions only: {dict(next_offsets)}")

    def lag(self) -> dict[TopicPartition, int]:
        """Give the last known lag of each assigned partition, to the topic's end."""
        return self._member.lag()

    def close(self) -> None:
        """Leave the group."""
        self._member.close()

    def _take(self, record: InputRecord) -> None:
        partition = record.topic_partition
        if partition not in self._assigned or partition in self._read:
            return  # fetched before the pause took hold
        stop = self._ranges[partition].stop
        if record.offset >= stop:
            self._end(partition)
            return
        self._held.append((record, self._tracks_of(record)))
        if record.offset == stop - 1:
            self._leave(partition)

    def _on_end(self, partition: TopicPartition, offset: int) -> None:
        if (
            partition in self._assigned
            and partition not in self._read
            and offset >= self._ranges[partition].stop
        ):
            self._end(partition)

    def _end(self, partition: TopicPartition) -> None:
        last = self._ranges[partition].stop - 1
        self._held.append((RangeEnd(partition, last, key=None, value=None), 0))
        self._leave(partition)

    def _leave(self, partition: TopicPartition) -> None:
        self._read.add(partition)
        self._member.pause([partition])

    def _next(self) -> InputRecord | None:
        if not self._held or not self._pace.take(self._held[0][1]):
            return None
        return self._held.popleft()[0]

    def _balance(self) -> None:
        if not self._holding and len(self._held) >= _HELD_RECORDS:
            self._holding = True
            self._member.pause(sorted(self._assigned - self._read))
        elif self._holding and len(self._held) <= _HELD_RECORDS // 4:
            self._holding = False
            self._let_flow(sorted(self._assigned))

    def _let_flow(self, partitions: Partitions) -> None:
        still = self._read | self._paused
        flowing = [partition for partition in partitions if partition not in still]
        if flowing and not self._holding:
            self._member.resume(flowing)

    def _forget(self, partitions: Partitions) -> None:
        gone = set(partitions)
        self._assigned -= gone
        self._read -= gone
        self._paused -= gone
        self._held = deque(entry for entry in self._held if entry[0].topic_partition not in gone)
