"""Turns a group's committed offsets, and the notes that stand beside them, into data for onlookers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient

from consumer.config import KafkaSettings
from consumer.jobs import TopicPartition
from consumer.kafka import properties
from consumer.kafka.translate import bare, broker_error, configuration, place, refused_as_settings, translated
from consumer.ports import BrokerError, GroupMetadata, Partitions

_GRACE_SECONDS = 2.0
"""Beyond the request's own time-out, which the library keeps by itself."""


class CommittedOffset(NamedTuple):
    """A group's next offset of a partition, and the text that was committed with it."""

    offset: int
    metadata: str


class GroupOffsetsPort(Protocol):
    """What is asked of a group from outside: `GroupOffsets`, or a fake."""

    def read(self, *, timeout_seconds: float) -> Mapping[TopicPartition, CommittedOffset]:
        """Give what is committed; an open transaction's offsets are not."""


class GroupOffsets:
    """Looks at one group from outside, never joining it. One thread at a time.

    Parameters
    ----------
    settings : KafkaSettings
        Names the group.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._trouble: BrokerError | None = None
        config = configuration(properties.admin(settings))
        config["error_cb"] = self._on_error
        with refused_as_settings("administrator"):
            self._client = AdminClient(config)

    def read(self, *, timeout_seconds: float) -> dict[TopicPartition, CommittedOffset]:
        """Give what is committed in every partition of every topic; an open transaction's offsets are not.

        A transaction's offsets are there a moment after its commit has returned, not at once.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        """
        return self._read(None, timeout_seconds=timeout_seconds)

    def read_stable(
        self, partitions: Partitions, *, timeout_seconds: float
    ) -> dict[TopicPartition, CommittedOffset]:
        """Give what is committed in these partitions once no transaction is under way that would change it.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us, or such a transaction is under way
            (`code="UNSTABLE_OFFSET_COMMIT"` or `"_TIMED_OUT"`).
        """
        return self._read(bare(partitions), timeout_seconds=timeout_seconds)

    def outsider(self) -> GroupMetadata:
        """Give the metadata with which offsets are committed by one who is no member.

        Raises
        ------
        SettingsError
            librdkafka refuses a property.
        """
        with refused_as_settings("consumer"):
            client = ck.Consumer(configuration(properties.reader(self._settings)))
        try:
            with translated("read the group metadata"):
                return GroupMetadata(member_id="", generation=-1, handle=client.consumer_group_metadata())
        finally:
            client.close()

    def _read(
        self, partitions: list[ck.TopicPartition] | None, *, timeout_seconds: float
    ) -> dict[TopicPartition, CommittedOffset]:
        group = self._settings.group
        doing = f"read the offsets of group {group!r}"
        with translated(doing):
            futures = self._client.list_consumer_group_offsets(
                [ck.ConsumerGroupTopicPartitions(group, partitions)],
                # Of no use without partitions: the broker then leaves out what is pending.
                require_stable=partitions is not None,
                request_timeout=timeout_seconds,
            )
            found: Any = self._wait(futures[group], timeout_seconds=timeout_seconds, doing=doing)
        committed = {}
        for partition in found.topic_partitions:
            if partition.error is not None:
                raise broker_error(partition.error, doing=doing)
            if partition.offset >= 0:
                committed[place(partition)] = CommittedOffset(partition.offset, partition.metadata or "")
        return committed

    def _wait(self, future: Any, *, timeout_seconds: float, doing: str) -> Any:
        try:
            return future.result(timeout_seconds + _GRACE_SECONDS)
        except TimeoutError as exc:
            raise BrokerError(f"{doing}: no answer in time", code="_TIMED_OUT", retriable=True) from exc
        except ck.KafkaException:
            self._client.poll(0)  # delivers what error_cb was to hear
            if self._trouble is not None:
                raise self._trouble from None
            raise

    def _on_error(self, error: ck.KafkaError) -> None:
        found = broker_error(error, doing="reach the broker")
        if found.is_authorization:
            self._trouble = found
