"""Turns the Kafka thread's state into plain data that other threads may read, and into gauges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.jobs import TopicPartition
from consumer.loop.partitions import Assignment
from consumer.metrics import Metrics
from consumer.ports import Partitions


@dataclass(frozen=True, slots=True)
class PartitionSnapshot:
    """One owned partition: tracks with the engine, records held back, what holds the commit back."""

    topic_partition: TopicPartition
    in_flight: int
    backlog: int
    head_age_seconds: float
    paused: bool


@dataclass(frozen=True, slots=True)
class LoopSnapshot:
    """The loop at one moment.

    Attributes
    ----------
    polled_at : float
        Monotonic seconds of the last poll: an old one means that the loop does not turn.
    joined : bool
        Whether the group knew this worker lately.
    stopping : bool
        Whether a stop was asked for.
    """

    polled_at: float
    joined: bool = False
    stopping: bool = False
    partitions: tuple[PartitionSnapshot, ...] = ()

    @property
    def in_flight(self) -> int:
        """Tracks with the engine."""
        return sum(partition.in_flight for partition in self.partitions)


def snapshot_partitions(assignment: Assignment, *, now: float) -> tuple[PartitionSnapshot, ...]:
    """Copy what others may know of each partition."""
    return tuple(
        PartitionSnapshot(
            state.topic_partition,
            in_flight=len(state.running),
            backlog=len(state.backlog),
            head_age_seconds=state.head_age_seconds(now),
            paused=state.paused,
        )
        for state in assignment
    )


def show(metrics: Metrics, snapshot: LoopSnapshot, *, lag: Mapping[TopicPartition, int]) -> None:
    """Set the gauges to a snapshot and to the last known lag, in records."""
    metrics.assigned_partitions.set(len(snapshot.partitions))
    for partition in snapshot.partitions:
        labels = _labels(partition.topic_partition)
        metrics.in_flight.labels(*labels).set(partition.in_flight)
        metrics.backlog.labels(*labels).set(partition.backlog)
        metrics.head_age_seconds.labels(*labels).set(partition.head_age_seconds)
        if partition.topic_partition in lag:
            metrics.consumer_lag.labels(*labels).set(lag[partition.topic_partition])


def hide(metrics: Metrics, partitions: Partitions) -> None:
    """Remove the gauges of partitions that are no longer ours: another worker shows them now."""
    for partition in partitions:
        for gauge in (metrics.in_flight, metrics.backlog, metrics.head_age_seconds, metrics.consumer_lag):
            gauge.remove(*_labels(partition))


def _labels(partition: TopicPartition) -> tuple[str, str]:
    return partition.topic, str(partition.partition)
