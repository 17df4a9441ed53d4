"""Turns assigned partitions and their records into queues of tracks: waiting, running, ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from consumer.jobs import InputRecord, Ticket, TopicPartition
from consumer.loop.adapters import Upload
from consumer.loop.offsets import OffsetTracker
from consumer.loop.outcomes import Case, Outcome
from consumer.loop.provenance import Provenance
from consumer.ports import Partitions


@dataclass(frozen=True, slots=True)
class Waiting:
    """A track that waits for a credit, or for `due` in monotonic seconds."""

    ticket: Ticket
    case: Case
    upload: Upload
    due: float


@dataclass(frozen=True, slots=True)
class Running:
    """A track that the engine has; times in monotonic seconds."""

    case: Case
    dispatched_at: float
    deadline: float


@dataclass(slots=True)
class PartitionState:
    """One partition during one assignment.

    Attributes
    ----------
    backlog : deque of Waiting
        Received and not dispatched, in order of offsets.
    running : dict of Ticket to Running
        Dispatched and not ended, in order of dispatch and therefore of deadlines.
    paused : bool
        Whether the client was asked to hold the partition's records back.
    """

    topic_partition: TopicPartition
    epoch: int
    tracker: OffsetTracker[Outcome]
    backlog: deque[Waiting] = field(default_factory=deque)
    backlog_bytes: int = 0
    running: dict[Ticket, Running] = field(default_factory=dict)
    paused: bool = False

    def hold(
        self, record: InputRecord, uploads: Iterable[Upload], provenance: Provenance, due: float
    ) -> None:
        """Queue each upload of a record that the tracker has received."""
        for index, upload in enumerate(uploads):
            ticket = Ticket(self.topic_partition, self.epoch, record.offset, index)
            past = provenance.carrying(upload.headers)
            self.backlog.append(Waiting(ticket, Case(record, past, upload), upload, due))
            self.backlog_bytes += record.size_bytes

    def take(self) -> Waiting:
        """Remove the head of the backlog."""
        waiting = self.backlog.popleft()
        self.backlog_bytes -= waiting.case.record.size_bytes
        return waiting

    def end(self, ticket: Ticket, outcome: Outcome) -> None:
        """Note how a track ended, running or not."""
        self.tracker.complete(
            ticket.offset, event_index=ticket.event_index, outcome=outcome, size_bytes=outcome.size_bytes
        )

    def head_age_seconds(self, now: float) -> float:
        """Seconds since the dispatch of what holds the commit back; 0 where it waits for its turn."""
        oldest = next(iter(self.running.values()), None)
        return (
            now - oldest.dispatched_at if oldest and oldest.case.record.offset == self.tracker.head else 0.0
        )


class Assignment:
    """The partitions that this worker owns now; an epoch, never reused, marks each assignment."""

    def __init__(self) -> None:
        self._states: dict[TopicPartition, PartitionState] = {}
        self._epoch = 0

    def add(self, partitions: Partitions) -> None:
        """Own these partitions, with nothing received yet."""
        for partition in partitions:
            self._epoch += 1
            tracker: OffsetTracker[Outcome] = OffsetTracker(self._epoch)
            self._states[partition] = PartitionState(partition, self._epoch, tracker)

    def drop(self, partitions: Partitions) -> None:
        """Forget these partitions and all of their unfinished work."""
        for partition in partitions:
            self._states.pop(partition, None)

    def get(self, partition: TopicPartition, *, epoch: int | None = None) -> PartitionState | None:
        """Give a partition's state; None where it is not owned, or not in this epoch any more."""
        state = self._states.get(partition)
        if state is None or (epoch is not None and state.epoch != epoch):
            return None
        return state

    def select(self, partitions: Partitions) -> list[PartitionState]:
        """Give the states of those of `partitions` that are owned."""
        return [self._states[partition] for partition in partitions if partition in self._states]

    def __iter__(self) -> Iterator[PartitionState]:
        return iter(self._states.values())

    def __len__(self) -> int:
        return len(self._states)

    @property
    def in_flight(self) -> int:
        """Tracks that the engine has, over all partitions."""
        return sum(len(state.running) for state in self)
