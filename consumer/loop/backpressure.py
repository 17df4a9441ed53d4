"""Turns how much each partition holds into pauses and resumptions of its flow of records."""

from __future__ import annotations

from typing import Final

from consumer.config import WorkerSettings
from consumer.loop.partitions import Assignment, PartitionState
from consumer.ports import ConsumerPort, Partitions

_MAX_BACKLOG_BYTES: Final = 32 * 1024 * 1024
"""Encoded records held back per partition: 256 of the largest would take eight times as much."""


class Backpressure:
    """Pauses a partition that holds enough and resumes it at half; Kafka thread only.

    A pause throws the client's prefetch away (17 times the bytes when done every 100 messages), so
    dispatch stops first and the flow only once a whole backlog has gathered.

    Parameters
    ----------
    consumer : ConsumerPort
        Pauses and resumes.
    assignment : Assignment
        Holds the records.
    settings : WorkerSettings
        Limit of records received and not committed, per partition.
    """

    def __init__(self, consumer: ConsumerPort, *, assignment: Assignment, settings: WorkerSettings) -> None:
        self._consumer = consumer
        self._assignment = assignment
        self._max_records = settings.max_backlog_per_partition
        self._holding_all = False

    def hold_all(self) -> None:
        """Pause everything from now on, what is assigned later included."""
        self._holding_all = True
        self.balance()

    def balance(self) -> None:
        """Bring each partition's flow in line with what it holds."""
        for state in self._assignment:
            if not state.paused and (self._holding_all or self._full(state)):
                self._consumer.pause([state.topic_partition])
                state.paused = True
            elif state.paused and not self._holding_all and self._half_empty(state):
                self._consumer.resume([state.topic_partition])
                state.paused = False

    def reapply(self, partitions: Partitions) -> None:
        """After an assignment: let the new partitions flow, the client may remember an old pause of them."""
        self._consumer.resume(partitions)
        paused = [state.topic_partition for state in self._assignment if state.paused]
        if paused:
            self._consumer.pause(paused)
        self.balance()

    def _full(self, state: PartitionState) -> bool:
        return state.tracker.uncommitted >= self._max_records or state.backlog_bytes >= _MAX_BACKLOG_BYTES

    def _half_empty(self, state: PartitionState) -> bool:
        few_records = state.tracker.uncommitted <= self._max_records // 2
        return few_records and state.backlog_bytes <= _MAX_BACKLOG_BYTES // 2
