"""Turns topics into records for whoever looks on, from now or from the beginning, in no group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from enum import Enum
from types import TracebackType
from typing import Final, Self

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import properties
from consumer.kafka.lookup import ends_of, partitions_of
from consumer.kafka.translate import (
    broker_error,
    configuration,
    input_record,
    refused_as_settings,
    translated,
)
from consumer.ports import BrokerError

_SLICE_SECONDS: Final = 0.1


class Start(Enum):
    """Where a reader begins."""

    BEGINNING = "beginning"
    NOW = "now"


class TopicReader:
    """Reads committed records of whole topics; a context manager. One thread at a time.

    Positions are fixed when the reader is made: with `Start.NOW`, whatever is published afterwards is read.

    Parameters
    ----------
    settings : KafkaSettings
    topics : Sequence of str
    start : Start
    timeout_seconds : float
        Limit for finding the topics and their ends.

    Raises
    ------
    BrokerError
        No broker answers, it refuses us, or a topic is missing (`code="UNKNOWN_TOPIC_OR_PART"`).
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], *, start: Start, timeout_seconds: float = 10.0
    ) -> None:
        self._trouble: BrokerError | None = None
        self._unread: set[TopicPartition] = set()
        config = configuration(properties.reader(settings))
        config["error_cb"] = self._on_error
        with refused_as_settings("reader"):
            self._client = ck.Consumer(config)
        deadline = time.monotonic() + timeout_seconds
        try:
            with translated("find the topics"):
                self._begin(topics, start=start, deadline=deadline)
        except BaseException:
            self._client.close()
            if self._trouble is not None:
                raise self._trouble from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        """Give the next record, or None after the time-out or when nothing is there yet.

        Raises
        ------
        BrokerError
            `retriable` for passing troubles.
        """
        with translated("poll"):
            message = self._client.poll(timeout_seconds)
        if self._trouble is not None:
            raise self._trouble
        if message is None:
            return None
        error = message.error()
        if error is None:
            return input_record(message)
        if error.code() == ck.KafkaError._PARTITION_EOF:
            self._unread.discard(TopicPartition(message.topic() or "", message.partition() or 0))
            return None
        raise broker_error(error, doing=f"poll: topic={message.topic()!r}")

    def read_to_end(self, *, timeout_seconds: float) -> Iterator[InputRecord]:
        """Give every record up to the topics' ends, and end.

        Raises
        ------
        BrokerError
            `code="_TIMED_OUT"`: the ends were not reached in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._unread:
            if (record := self.poll(_SLICE_SECONDS)) is not None:
                yield record
            elif time.monotonic() > deadline:
                raise BrokerError(
                    "the topics were not read to their ends in time", code="_TIMED_OUT", retriable=True
                )

    def close(self) -> None:
        """Stop reading."""
        self._client.close()

    def _begin(self, topics: Sequence[str], *, start: Start, deadline: float) -> None:
        starts = []
        for topic in topics:
            for partition in partitions_of(self._client, topic, deadline=deadline):
                found = ck.TopicPartition(topic, partition)
                first, end = ends_of(self._client, found, deadline=deadline)
                found.offset = first if start is Start.BEGINNING else end
                starts.append(found)
                self._unread.add(TopicPartition(topic, partition))
        self._client.assign(starts)

    def _on_error(self, error: ck.KafkaError) -> None:
        found = broker_error(error, doing="reach the broker")
        if found.is_authorization:
            self._trouble = found
