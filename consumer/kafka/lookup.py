"""Turns questions of a reader about topics into their partitions, ends and offsets at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import confluent_kafka as ck

from consumer.kafka.translate import broker_error

_PAUSE_SECONDS: Final = 0.1
_LEAST_SECONDS: Final = 0.1
_NO_LEADER_YET: Final = {ck.KafkaError.NOT_LEADER_FOR_PARTITION, ck.KafkaError.LEADER_NOT_AVAILABLE}
"""What a broker that has just come back says for a moment."""

T = TypeVar("T")


def partitions_of(client: ck.Consumer, topic: str, *, deadline: float) -> list[int]:
    """Give the numbers of a topic's partitions; `deadline` in monotonic seconds.

    Raises
    ------
    BrokerError
        The topic is missing.
    KafkaException
        No broker answers.
    """
    metadata = client.list_topics(topic, timeout=_left(deadline)).topics[topic]
    if metadata.error is not None:
        raise broker_error(metadata.error, doing=f"find topic {topic!r}")
    return sorted(metadata.partitions)


def ends_of(client: ck.Consumer, partition: ck.TopicPartition, *, deadline: float) -> tuple[int, int]:
    """Give the first offset that is there, and one past the last that the client's isolation may see."""
    return _led(lambda: client.get_watermark_offsets(partition, timeout=_left(deadline)), deadline=deadline)


def offsets_at(
    client: ck.Consumer, partitions: Sequence[ck.TopicPartition], moment: datetime, *, deadline: float
) -> list[int | None]:
    """Give for each partition the first offset whose record is no older than `moment`; None where none is."""
    milliseconds = max(round(moment.timestamp() * 1_000), 0)
    asked = [ck.TopicPartition(one.topic, one.partition, milliseconds) for one in partitions]

    def ask() -> list[ck.TopicPartition]:
        found = client.offsets_for_times(asked, timeout=_left(deadline))
        for one in found:
            if one.error is not None:
                raise ck.KafkaException(one.error)
        return found

    answers = {(one.topic, one.partition): one.offset for one in _led(ask, deadline=deadline)}
    offsets = [answers[one.topic, one.partition] for one in partitions]
    return [offset if offset >= 0 else None for offset in offsets]


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), _LEAST_SECONDS)


def _led(ask: Callable[[], T], *, deadline: float) -> T:
    """Ask until every partition has a leader."""
    while True:
        try:
            return ask()
        except ck.KafkaException as exc:
            if exc.args[0].code() not in _NO_LEADER_YET or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
