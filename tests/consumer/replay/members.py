"""A group member whose partitions and records a test hands out by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from consumer.jobs import InputRecord, TopicPartition
from consumer.ports import GroupMetadata, Partitions, RebalanceListener
from consumer.replay.range_consumer import OnEnd


class HandedMember:
    """A `ConsumerPort` that gives what was put into `arriving`: records, and partitions read to an end."""

    def __init__(self) -> None:
        self.arriving: deque[InputRecord | tuple[TopicPartition, int]] = deque()
        self.paused: set[TopicPartition] = set()
        self.polls: list[float] = []
        self.closed = False
        self._on_end: OnEnd = lambda _partition, _offset: None
        self._listener: RebalanceListener | None = None

    def opened(self, on_end: OnEnd) -> HandedMember:
        self._on_end = on_end
        return self

    @property
    def listener(self) -> RebalanceListener:
        assert self._listener is not None
        return self._listener

    def subscribe(self, topics: Sequence[str], *, listener: RebalanceListener) -> None:
        self._listener = listener

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        self.polls.append(timeout_seconds)
        for _ in range(len(self.arriving)):
            arrived = self.arriving.popleft()
            where = arrived.topic_partition if isinstance(arrived, InputRecord) else arrived[0]
            if where in self.paused:
                self.arriving.append(arrived)
            elif isinstance(arrived, InputRecord):
                return arrived
            else:
                self._on_end(*arrived)
                return None
        return None

    def pause(self, partitions: Partitions) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Partitions) -> None:
        self.paused.difference_update(partitions)

    def group_metadata(self) -> GroupMetadata:
        return GroupMetadata("member", 1, b"")

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 5)

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        raise AssertionError("a replay commits in transactions")

    def lag(self) -> dict[TopicPartition, int]:
        return {}

    def close(self) -> None:
        self.closed = True
