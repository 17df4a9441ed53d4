"""Turns a span of offsets or of time into its committed records, in no group, and ends where it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import properties
from consumer.kafka.lookup import ends_of, offsets_at, partitions_of
from consumer.kafka.translate import (
    bare,
    broker_error,
    configuration,
    input_record,
    place,
    refused_as_settings,
    translated,
    with_offsets,
)
from consumer.ports import BrokerError

_SLICE_SECONDS: Final = 0.2
"""Longest single wait: a refusal by the broker is noticed in between."""


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets of one partition from `start` on, without `stop`; empty where they are equal.

    Raises
    ------
    ValueError
        An offset is negative, or `stop` lies before `start`.
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"not a range of offsets: start={self.start} stop={self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start


class RangeReader:
    """Reads the committed records of offset ranges, each partition in order; a context manager.

    Offsets have gaps (transaction markers, aborted records, compaction, expired records), so a range may hold
    fewer records than offsets; it ends all the same. Nothing at or past a stop is ever given. A range whose
    stop lies past the partition's end waits for the records to come. One thread at a time.

    Parameters
    ----------
    settings : KafkaSettings
        Its group's name is there for access rights only; no group is joined, and nothing is left behind.
    ranges : Mapping of TopicPartition to OffsetRange
        What to read, as `find_ranges` gives it.
    timeout_seconds : float
        How long nothing at all may come before that is an error. An open transaction of another producer
        holds back what lies behind it, for `transaction.timeout.ms` at worst.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        ranges: Mapping[TopicPartition, OffsetRange],
        *,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._ranges = dict(ranges)
        self._next = {partition: span.start for partition, span in ranges.items()}
        self._unread = {partition for partition, span in ranges.items() if len(span)}
        self._timeout_seconds = timeout_seconds
        self._heard_at = time.monotonic()
        self._trouble: BrokerError | None = None
        config = configuration(properties.range_reader(settings))
        config["error_cb"] = self._on_error
        with refused_as_settings("reader"):
            self._client = ck.Consumer(config)
        with translated("read a range"):
            self._client.assign(with_offsets({one: self._next[one] for one in self._unread}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def finished(self) -> bool:
        """Whether every range was read to its stop."""
        return not self._unread

    def position(self) -> dict[TopicPartition, int]:
        """Give the next offset of each partition: its stop where it was read to the end."""
        return dict(self._next)

    def poll_batch(self, max_records: int = 1_000, timeout_seconds: float = 1.0) -> list[InputRecord]:
        """Give what has come, up to `max_records`; nothing after the time-out, or where all is read.

        Raises
        ------
        BrokerError
            The broker refuses us, a topic is gone, or nothing came for the reader's own time limit
            (`code="_TIMED_OUT"`).
        """
        deadline = time.monotonic() + timeout_seconds
        records: list[InputRecord] = []
        while not records and self._unread:
            left = max(deadline - time.monotonic(), 0.0)
            with translated("read a range"):
                messages = self._client.consume(max_records, min(_SLICE_SECONDS, left))
            if self._trouble is not None:
                raise self._trouble
            for message in messages:
                self._take(message, records)
            self._check_progress(came=bool(messages))
            if left == 0.0:
                break
        return records

    def close(self) -> None:
        """Stop reading."""
        with translated("close"):
            self._client.close()

    def _take(self, message: ck.Message, records: list[InputRecord]) -> None:
        error = message.error()
        if error is not None and error.code() != ck.KafkaError._PARTITION_EOF:
            raised = broker_error(error, doing=f"read topic {message.topic()!r}")
            if not raised.retriable:
                raise raised
            return
        if error is not None:  # an end: below the stop where the range reaches past what is there
            partition = TopicPartition(message.topic() or "", message.partition() or 0)
            if partition in self._unread and (message.offset() or 0) >= self._ranges[partition].stop:
                self._finish(partition)
            return
        record = input_record(message)
        partition = record.topic_partition
        if partition not in self._unread:
            return
        stop = self._ranges[partition].stop
        if record.offset < stop:
            records.append(record)
            self._next[partition] = record.offset + 1
        if record.offset + 1 >= stop:
            self._finish(partition)

    def _finish(self, partition: TopicPartition) -> None:
        self._unread.discard(partition)
        self._next[partition] = self._ranges[partition].stop
        with translated("leave a partition that is read"):
            self._client.incremental_unassign(bare([partition]))

    def _check_progress(self, *, came: bool) -> None:
        now = time.monotonic()
        if came:
            self._heard_at = now
        elif self._unread and now - self._heard_at > self._timeout_seconds:
            partition = min(self._unread)
            raise BrokerError(
                f"nothing came for {self._timeout_seconds:g} s: topic={partition.topic!r} "
                f"partition={partition.partition} offset={self._next[partition]} "
                f"stop={self._ranges[partition].stop}",
                code="_TIMED_OUT",
                retriable=True,
            )

    def _on_error(self, error: ck.KafkaError) -> None:
        found = broker_error(error, doing="reach the broker")
        if found.is_authorization:
            self._trouble = found


def find_ranges(
    settings: KafkaSettings,
    topics: Sequence[str],
    *,
    since: datetime | int | None = None,
    until: datetime | int | None = None,
    timeout_seconds: float = 10.0,
) -> dict[TopicPartition, OffsetRange]:
    """Find the offsets of a span in every partition of some topics, clamped to what is there now.

    Parameters
    ----------
    settings : KafkaSettings
    topics : Sequence of str
    since : datetime or int, optional
        First record: by time the first that is no older, as the record's own timestamp says; the same offset
        in every partition where it is a number; the oldest that is there where null.
    until : datetime or int, optional
        Where it stops, itself left out, in the same way; null is the end at this moment, before whatever
        transaction is open still.
    timeout_seconds : float
        Limit of the whole.

    Raises
    ------
    BrokerError
        No broker answers, it refuses us, or a topic is missing (`code="UNKNOWN_TOPIC_OR_PART"`).
    ValueError
        An offset is negative, or a time has no zone.
    """
    for bound in (since, until):
        if isinstance(bound, datetime) and bound.tzinfo is None:
            raise ValueError(f"a time without a zone: {bound.isoformat()}")
        if isinstance(bound, int) and bound < 0:
            raise ValueError(f"a negative offset: {bound}")
    deadline = time.monotonic() + timeout_seconds
    with refused_as_settings("reader"):
        client = ck.Consumer(configuration(properties.range_reader(settings)))
    try:
        with translated("find the offsets of a span"):
            partitions = [
                ck.TopicPartition(topic, number)
                for topic in topics
                for number in partitions_of(client, topic, deadline=deadline)
            ]
            ends = [ends_of(client, partition, deadline=deadline) for partition in partitions]
            starts = _bounds(client, partitions, since, deadline=deadline)
            stops = _bounds(client, partitions, until, deadline=deadline)
    finally:
        client.close()
    found = zip(partitions, ends, starts, stops, strict=True)
    return {
        place(partition): _clamped(ends, since=start, until=stop, timed=isinstance(since, datetime))
        for partition, ends, start, stop in found
    }


def _bounds(
    client: ck.Consumer,
    partitions: Sequence[ck.TopicPartition],
    bound: datetime | int | None,
    *,
    deadline: float,
) -> Sequence[int | None]:
    if isinstance(bound, datetime):
        return offsets_at(client, partitions, bound, deadline=deadline)
    return [bound] * len(partitions)


def _clamped(ends: tuple[int, int], *, since: int | None, until: int | None, timed: bool) -> OffsetRange:
    first, end = ends
    # No record is so young: by time that is the end, while no bound at all is the beginning.
    start = (end if timed else first) if since is None else min(max(since, first), end)
    stop = end if until is None else min(max(until, first), end)
    return OffsetRange(start, max(start, stop))
