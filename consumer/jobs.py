"""Names what travels between the Kafka thread and the pipeline: a record in, a job out, a completion back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from queue import Queue
from typing import NamedTuple, Protocol

from consumer.events import TrackLabelled, TrackUploaded
from consumer.feature_record import TrackFeatures

Headers = tuple[tuple[str, bytes | None], ...]
"""In order, a name perhaps more than once; Kafka knows values that are null."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A message as it was consumed; `timestamp_ms` is the broker's, in milliseconds since the epoch."""

    topic_partition: TopicPartition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of key, value and headers."""
        fixed = len(self.key or b"") + len(self.value or b"")
        return fixed + sum(len(name) + len(value or b"") for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A message to be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of key, value and headers, with a generous allowance for the broker's record framing."""
        fixed = len(self.key or b"") + len(self.value or b"") + 128
        return fixed + sum(len(name) + len(value or b"") + 16 for name, value in self.headers)


class Ticket(NamedTuple):
    """Identifies one dispatched event.

    `epoch` counts assignments of the partition to this worker; `event_index` is the event's place in
    its record.
    """

    topic_partition: TopicPartition
    epoch: int
    offset: int
    event_index: int


@dataclass(frozen=True, slots=True)
class TrackJob:
    """One track to label; `deadline` is in monotonic seconds, `attempt` counts deliveries from 1."""

    ticket: Ticket
    event: TrackUploaded
    deadline: float
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Completion:
    """How one job ended: a label or the exception that prevented it, and its features where they are kept."""

    ticket: Ticket
    result: TrackLabelled | BaseException
    features: TrackFeatures | None = None


class Engine(Protocol):
    """Labels tracks beside the Kafka thread: the pipeline in a worker, a seeded fake in the simulation."""

    @property
    def completions(self) -> Queue[Completion]:
        """Holds every job's one completion; never has fewer places than there are credits."""

    def submit(self, job: TrackJob) -> None:
        """Accept a job; never blocks, as credits bound the jobs under way."""

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        """Forget the partition's jobs that have not started and name them; the others end as completions."""

    def check(self) -> None:
        """Raise the fatal error that stopped the engine, if one did."""

    def close(self) -> None:
        """End all work and all children; blocks for a few seconds at most."""
