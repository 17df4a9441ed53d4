"""Turns topics, groups and transactions into one broker, and hands out clients of it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection
from threading import RLock

from consumer.clock import SYSTEM_CLOCK, Clock
from consumer.jobs import Headers, InputRecord, OutputRecord, TopicPartition
from consumer.memory_broker.groups import Groups
from consumer.memory_broker.log import PartitionLog, Transaction
from consumer.memory_broker.requests import Hook, Moment, Request, no_fault
from consumer.memory_broker.transactions import Coordinator
from consumer.ports import BrokerError

_DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's


class MemoryBroker:
    """A broker in memory; its clients may live on several threads.

    Parameters
    ----------
    clock : Clock
        Time, for sessions and transactions.
    session_timeout_seconds : float
        A member not heard of for longer is dropped.
    max_poll_interval_seconds : float
        A member that does not poll for longer is dropped.
    """

    def __init__(
        self,
        clock: Clock = SYSTEM_CLOCK,
        *,
        session_timeout_seconds: float = 45.0,
        max_poll_interval_seconds: float = 300.0,
    ) -> None:
        self.clock = clock
        self.lock = RLock()
        self.hook: Hook = no_fault
        self.groups = Groups(
            self.partitions,
            session_timeout_seconds=session_timeout_seconds,
            max_poll_interval_seconds=max_poll_interval_seconds,
        )
        self.coordinator = Coordinator(self.groups)
        self._topics: dict[str, list[PartitionLog]] = {}
        self._n_keyless = 0

    def create_topic(
        self, topic: str, *, partitions: int = 1, max_message_bytes: int = _DEFAULT_MAX_MESSAGE_BYTES
    ) -> None:
        """Make a topic."""
        self._topics[topic] = [
            PartitionLog(TopicPartition(topic, partition), max_message_bytes=max_message_bytes)
            for partition in range(partitions)
        ]

    def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """List the partitions of those topics that exist."""
        return [log.topic_partition for topic in sorted(topics) for log in self._topics.get(topic, ())]

    def log(self, partition: TopicPartition) -> PartitionLog:
        """Give one partition's log."""
        return self._topics[partition.topic][partition.partition]

    def append(self, record: OutputRecord, *, transaction: Transaction | None = None) -> InputRecord:
        """Store a record in its key's partition, with the rules that producers meet.

        Raises
        ------
        BrokerError
            The topic is missing, or takes no record of this size.
        """
        logs = self._topics.get(record.topic)
        if logs is None:
            raise BrokerError(f"no topic={record.topic!r}", code="UNKNOWN_TOPIC_OR_PART")
        log = logs[self._partition(record.key, len(logs))]
        size_bytes = InputRecord(log.topic_partition, 0, record.key, record.value, record.headers).size_bytes
        if size_bytes > log.max_message_bytes:
            raise BrokerError(f"the record has {size_bytes} bytes", code="MSG_SIZE_TOO_LARGE")
        timestamp_ms = math.floor(self.clock.wall() * 1_000)
        offset = log.append(record, timestamp_ms=timestamp_ms, transaction=transaction)
        return InputRecord(
            log.topic_partition, offset, record.key, record.value, record.headers, timestamp_ms
        )

    def _partition(self, key: bytes | None, n_partitions: int) -> int:
        if key is None:
            self._n_keyless += 1
            return self._n_keyless % n_partitions
        return zlib.crc32(key) % n_partitions

    def publish(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> InputRecord:
        """Store a record as a plain producer would, and give it back with its place."""
        with self.lock:
            return self.append(OutputRecord(topic, key, value, headers))

    def visible(self, topic: str) -> list[InputRecord]:
        """Give what a read_committed reader sees of a topic, partition by partition."""
        with self.lock:
            return [record for log in self._topics[topic] for record in log.visible()]

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Give a group's committed next offsets."""
        with self.lock:
            return dict(self.groups.group(group).offsets)

    def expire(self) -> None:
        """Let time-outs of members and transactions happen; clients call it with every request."""
        now = self.clock.monotonic()
        with self.lock:
            self.groups.expire(now)
            self.coordinator.expire(now)

    def before(self, client_id: str, operation: str, timeout_seconds: float) -> None:
        """Call the hook before a request."""
        self.expire()
        self.hook(Request(client_id, operation, Moment.BEFORE, timeout_seconds))
        self.expire()

    def after(self, client_id: str, operation: str, timeout_seconds: float) -> None:
        """Call the hook after a request."""
        self.hook(Request(client_id, operation, Moment.AFTER, timeout_seconds))
