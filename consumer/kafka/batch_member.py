"""Turns membership in a group into batches of records, each of which ends before the next is asked for.

`KafkaConsumer` serves a loop whose tracks end in any order; this serves one that finishes each batch at once,
and lets go of what a rebalance takes away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import properties
from consumer.kafka.translate import (
    bare,
    broker_error,
    configuration,
    group_metadata,
    input_record,
    place,
    refused_as_settings,
    translated,
    with_offsets,
)
from consumer.ports import BrokerError, GroupMetadata, Partitions

_SLICE_RECORDS: Final = 128
"""Asked for at once: the bytes of a batch are looked at in between."""
_MANY_AHEAD: Final[properties.Properties] = {
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 65_536,
    "fetch.message.max.bytes": 4 * 1024 * 1024,
    "enable.partition.eof": True,
}


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """What one call of `poll_batch` gave.

    Attributes
    ----------
    records : list of InputRecord
        In order of offsets within a partition; all of partitions that are assigned.
    ends : dict of TopicPartition to int
        Partitions that were read to their end, and the offset that the next record will have at least.
    """

    records: list[InputRecord] = field(default_factory=list)
    ends: dict[TopicPartition, int] = field(default_factory=dict)


class BatchMember:
    """A member of a group that works batch by batch. Touched by one thread only.

    A partition begins at the group's committed offset. What was read and not committed when a partition goes
    is read by its next owner: never commit a batch after another call of `poll_batch`.

    Parameters
    ----------
    settings : KafkaSettings

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._assigned: set[TopicPartition] = set()
        self._disturbed: set[TopicPartition] = set()
        self._trouble: BrokerError | None = None
        config = properties.group_consumer(settings) | _MANY_AHEAD
        config |= settings.properties | settings.consumer_properties
        with refused_as_settings("consumer"):
            self._client = ck.Consumer({**configuration(config), "error_cb": self._on_error})

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """Give the partitions that this member owns now."""
        return frozenset(self._assigned)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Join the group; partitions come and go within `poll_batch`."""
        with translated("subscribe"):
            self._client.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )

    def poll_batch(self, *, max_records: int, max_bytes: int, timeout_seconds: float) -> RecordBatch:
        """Give what comes until a limit is reached or the time is over; blocks so long at most.

        Raises
        ------
        BrokerError
            `retriable` for passing troubles.
        """
        deadline = time.monotonic() + timeout_seconds
        batch = RecordBatch()
        size_bytes = 0
        self._disturbed.clear()
        while len(batch.records) < max_records and size_bytes < max_bytes:
            left = deadline - time.monotonic()
            if left <= 0.0 and (batch.records or batch.ends or timeout_seconds > 0.0):
                break
            messages = self._consume(min(_SLICE_RECORDS, max_records - len(batch.records)), max(left, 0.01))
            size_bytes += sum(self._take(message, batch) for message in messages)
            if self._disturbed or (batch.ends and not messages):
                break
        return self._without_disturbed(batch)

    def rewind(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from here again, as far as they are assigned."""
        owned = {one: offset for one, offset in next_offsets.items() if one in self._assigned}
        if not owned:
            return
        with translated("read again"):
            self._client.incremental_unassign(bare(list(owned)))
            self._client.incremental_assign(with_offsets(owned))

    def rest(self, partitions: Partitions) -> None:
        """Fetch nothing more of these partitions, for as long as they are assigned."""
        owned = [partition for partition in partitions if partition in self._assigned]
        if owned:
            with translated("pause"):
                self._client.pause(bare(owned))

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as it is now."""
        with translated("read the group metadata"):
            return group_metadata(self._client.consumer_group_metadata())

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read the group's committed next offsets; a partition without one is left out."""
        with translated("read committed offsets"):
            found = self._client.committed(bare(partitions), timeout=timeout_seconds)
        for partition in found:
            if partition.error is not None:
                raise broker_error(partition.error, doing=f"read committed offsets: {place(partition)}")
        return {place(partition): partition.offset for partition in found if partition.offset >= 0}

    def close(self) -> None:
        """Leave the group."""
        with translated("close"):
            self._client.close()

    def _consume(self, count: int, timeout_seconds: float) -> list[ck.Message]:
        with translated("poll"):
            messages: list[ck.Message] = self._client.consume(count, timeout_seconds)
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return messages

    def _take(self, message: ck.Message, batch: RecordBatch) -> int:
        """Add a message to the batch, and give its bytes."""
        error = message.error()
        if error is None:
            record = input_record(message)
            batch.records.append(record)
            return record.size_bytes
        if error.code() == ck.KafkaError._PARTITION_EOF:
            partition = TopicPartition(message.topic() or "", message.partition() or 0)
            batch.ends[partition] = message.offset() or 0
            return 0
        raised = broker_error(error, doing=f"poll: topic={message.topic()!r}")
        if error.code() == ck.KafkaError._MAX_POLL_EXCEEDED or raised.retriable:
            return 0  # the library goes on by itself; a lost membership shows in what is committed
        raise raised

    def _without_disturbed(self, batch: RecordBatch) -> RecordBatch:
        """Leave out what was read of partitions that came or went meanwhile, and read that again.

        Part of it may stem from before they went: another member may have committed it since.
        """
        gone = self._disturbed
        if not gone:
            return batch
        touched = {record.topic_partition for record in batch.records} & gone & self._assigned
        touched |= batch.ends.keys() & gone & self._assigned
        if touched:
            with translated("begin again"):
                self._client.incremental_unassign(bare(list(touched)))
                self._client.incremental_assign(bare(list(touched)))
        kept = [record for record in batch.records if record.topic_partition not in gone]
        return RecordBatch(kept, {one: end for one, end in batch.ends.items() if one not in gone})

    def _on_assign(self, client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        client.incremental_assign(partitions)
        places = [place(partition) for partition in partitions]
        self._assigned.update(places)
        self._disturbed.update(places)

    def _on_revoke(self, client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        client.incremental_unassign(partitions)
        places = [place(partition) for partition in partitions]
        self._assigned.difference_update(places)
        self._disturbed.update(places)

    def _on_error(self, error: ck.KafkaError) -> None:
        found = broker_error(error, doing="poll")
        if found.fatal or found.is_authorization:
            found.retriable = False
            self._trouble = found
