"""Turns confluent_kafka's Consumer into a `ConsumerPort`: the records, rebalances and offsets of a member."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import properties
from consumer.kafka.expulsion import Expulsion
from consumer.kafka.lag import lags
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
from consumer.ports import BrokerError, GroupMetadata, Partitions, RebalanceListener

_HOPELESS: Final = frozenset(
    {
        "FENCED_INSTANCE_ID",
        "GROUP_MAX_SIZE_REACHED",
        "INCONSISTENT_GROUP_PROTOCOL",
        "INVALID_GROUP_ID",
        "INVALID_SESSION_TIMEOUT",
        "UNSUPPORTED_ASSIGNOR",
        "UNSUPPORTED_VERSION",
        "_AUTO_OFFSET_RESET",
    }
)
"""Errors of `poll` that stay, whatever the library does; it goes on by itself after all others."""


class KafkaConsumer:
    """A member of the group; see `ConsumerPort`. Touched by one thread only.

    A partition for which the group has never committed is read from its beginning. A committed offset that
    the partition does not hold any more (expired by retention, or the topic was made anew) is an error of
    `poll`, never a silent jump: reading on at either end would lose or repeat tracks. What cannot be told
    from a new group is one that stood empty for longer than the broker's `offsets.retention.minutes`.

    Parameters
    ----------
    settings : KafkaSettings
    on_end : callable, optional
        Called within `poll` with a partition and its end's offset whenever all there is was handed over, by
        one who wants to know.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(
        self, settings: KafkaSettings, *, on_end: Callable[[TopicPartition, int], None] | None = None
    ) -> None:
        self._on_end = on_end
        self._group = settings.group
        self._assigned: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._lag: dict[TopicPartition, int] = {}
        self._trouble: BrokerError | None = None
        self._expulsion = Expulsion(settings.max_poll_interval_seconds)
        config = configuration(properties.group_consumer(settings))
        config |= {"stats_cb": self._on_statistics, "error_cb": self._on_error}
        config["enable.partition.eof"] = on_end is not None
        with refused_as_settings("consumer"):
            self._client = ck.Consumer(config)

    def subscribe(self, topics: Sequence[str], *, listener: RebalanceListener) -> None:
        """Join the group; partitions arrive through the listener, within `poll` and `close`."""

        def on_assign(client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            client.incremental_assign(partitions)
            places = [place(partition) for partition in partitions]
            self._assigned.update(places)
            listener.on_assign(places)

        with translated("subscribe"):
            self._client.subscribe(
                list(topics),
                on_assign=on_assign,
                on_revoke=lambda _, partitions: self._give_up(partitions, tell=listener.on_revoke),
                on_lost=lambda _, partitions: self._give_up(partitions, tell=listener.on_lost),
            )

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        """Give the next record, or None after the time-out; see `ConsumerPort`."""
        self._expulsion.before_poll(self._assigned)
        with translated("poll"):
            message = self._client.poll(timeout_seconds)
        self._expulsion.after_poll()
        self._raise_trouble()
        if message is None:
            return None
        error = message.error()
        if error is None:
            return input_record(message)
        if error.code() == ck.KafkaError._PARTITION_EOF and self._on_end is not None:
            self._on_end(
                TopicPartition(message.topic() or "", message.partition() or 0), message.offset() or 0
            )
            return None
        if error.code() == ck.KafkaError._AUTO_OFFSET_RESET:
            self._begin_or_raise(message, error)
            return None
        if error.code() == ck.KafkaError._MAX_POLL_EXCEEDED:
            self._expulsion.confirm(self._assigned)
        raised = broker_error(error, doing=f"poll: topic={message.topic()!r}")
        raised.retriable = not (raised.fatal or raised.code in _HOPELESS or raised.is_authorization)
        raise raised

    def pause(self, partitions: Partitions) -> None:
        """Stop the flow of records from these assigned partitions."""
        with translated("pause"):
            self._client.pause(bare(partitions))
        self._paused.update(partitions)

    def resume(self, partitions: Partitions) -> None:
        """Undo `pause`."""
        with translated("resume"):
            self._client.resume(bare(partitions))
        self._paused.difference_update(partitions)

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as it is now."""
        with translated("read the group metadata"):
            metadata = group_metadata(self._client.consumer_group_metadata())
        return replace(metadata, generation=0) if self._expulsion.is_suspected else metadata

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read the group's committed next offsets; a partition without one is left out."""
        with translated("read committed offsets"):
            found = self._client.committed(bare(partitions), timeout=timeout_seconds)
        for partition in found:
            if partition.error is not None:
                raise broker_error(partition.error, doing=f"read committed offsets: {place(partition)}")
        return {place(partition): partition.offset for partition in found if partition.offset >= 0}

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets synchronously, outside any transaction (at-least-once)."""
        with translated("commit offsets"):
            done = self._client.commit(offsets=with_offsets(next_offsets), asynchronous=False)
        for partition in done:
            if partition.error is not None:
                raise broker_error(partition.error, doing=f"commit offsets: {place(partition)}")

    def lag(self) -> dict[TopicPartition, int]:
        """Give the last known lag, in records, of each assigned partition."""
        return {partition: self._lag[partition] for partition in self._assigned if partition in self._lag}

    def close(self) -> None:
        """Leave the group, revoking what is assigned; never raises for a broker that does not answer."""
        with translated("close"):
            self._client.close()

    def _give_up(self, partitions: list[ck.TopicPartition], *, tell: Callable[[Partitions], None]) -> None:
        places = [place(partition) for partition in partitions]
        try:
            tell(places)
        finally:
            self._assigned.difference_update(places)
            self._paused.difference_update(places)
            self._expulsion.settle(places)
            self._client.incremental_unassign(partitions)

    def _begin_or_raise(self, message: ck.Message, error: ck.KafkaError) -> None:
        # librdkafka names an offset when it was asked for one that is not there, and none when the group has
        # committed none. Shown for both group protocols in tests/broker/test_group_consumer.py.
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        here = TopicPartition(topic or "", -1 if partition is None else partition)
        if here not in self._assigned:
            return  # revoked since
        if offset is not None and offset >= 0:
            raise BrokerError(
                f"the group's committed offset is not in the log any more: group={self._group!r} "
                f"topic={here.topic!r} partition={here.partition} offset={offset}: its records expired or "
                "the topic was made anew; stop every worker, decide where to go on, and reset the offset "
                f"with kafka-consumer-groups --reset-offsets --group {self._group} "
                f"--topic {here.topic}:{here.partition}",
                code=error.name(),
            )
        with translated(f"read {here} from its beginning"):
            self._client.incremental_unassign(bare([here]))
            self._client.incremental_assign(with_offsets({here: ck.OFFSET_BEGINNING}))

    def _on_statistics(self, statistics: str) -> None:
        self._lag = lags(statistics, self._assigned, paused=self._paused)

    def _on_error(self, error: ck.KafkaError) -> None:
        # Called within poll. The library tries again for ever after most of these, which is right while a
        # broker is down and wrong where it refuses us or we are fenced.
        found = broker_error(error, doing="poll")
        if found.fatal or found.is_authorization:
            self._trouble = found

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            trouble.retriable = False
            raise trouble
