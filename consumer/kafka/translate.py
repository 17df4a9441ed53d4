"""Turns confluent_kafka's errors, messages and partitions into this package's own, and back."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import confluent_kafka as ck

from consumer.errors import SettingsError
from consumer.jobs import Headers, InputRecord, TopicPartition
from consumer.ports import BrokerError, GroupMetadata

LOGGER: Final = logging.getLogger("librdkafka")
"""Where librdkafka's own log lines go."""

# What comes first is broker-assigned or made by the client (KIP-848). Source: librdkafka's
# rd_kafka_consumer_group_metadata_write, format version 2: magic, generation in the machine's byte order,
# then group id and member id, each ended by a zero byte.
_GROUP_METADATA_MAGIC: Final = b"CGMDv2:"
_GENERATION: Final = struct.Struct("=i")


def broker_error(error: ck.KafkaError, *, doing: str) -> BrokerError:
    """Translate an error; `doing` says in the message what failed."""
    return BrokerError(
        f"{doing}: {error.str()} ({error.name()})",
        code=error.name(),
        retriable=error.retriable(),
        requires_abort=error.txn_requires_abort(),
        fatal=error.fatal(),
    )


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise what the library raises inside as `BrokerError`."""
    try:
        yield
    except ck.KafkaException as exc:
        error = exc.args[0] if exc.args else None
        if not isinstance(error, ck.KafkaError):
            raise BrokerError(f"{doing}: {exc}", code="_FAIL") from exc
        raise broker_error(error, doing=doing) from exc
    except BufferError as exc:
        raise BrokerError(f"{doing}: {exc}", code="_QUEUE_FULL", retriable=True) from exc


@contextmanager
def refused_as_settings(what: str) -> Iterator[None]:
    """Raise the library's refusal of its configuration as `SettingsError`."""
    try:
        yield
    except ck.KafkaException as exc:
        error = exc.args[0] if exc.args else exc
        said = error.str() if isinstance(error, ck.KafkaError) else str(error)
        raise SettingsError(f"librdkafka refuses the settings of the {what}: {said}") from exc


def configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give the library's own form of the properties, its log lines led to `LOGGER`."""
    return {**properties, "logger": LOGGER}


def input_record(message: ck.Message) -> InputRecord:
    """Translate a consumed message that is no error."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise BrokerError("a message came without its place", code="_BAD_MSG")
    headers = message.headers()
    # By position, and nothing for headers where there are none: a replay reads millions.
    return InputRecord(
        TopicPartition(topic, partition),
        offset,
        message.key(),
        message.value(),
        _pairs(headers) if headers else (),
        max(message.timestamp()[1], 0),
    )


def _pairs(
    headers: dict[str, str | bytes | None] | list[tuple[str, str | bytes | None]],
) -> Headers:
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, _as_bytes(value)) for name, value in pairs)


def _as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def place(partition: ck.TopicPartition) -> TopicPartition:
    """Translate a partition, dropping its offset."""
    return TopicPartition(partition.topic, partition.partition)


def bare(partitions: Sequence[TopicPartition]) -> list[ck.TopicPartition]:
    """Translate partitions, without offsets."""
    return [ck.TopicPartition(*partition) for partition in partitions]


def with_offsets(
    offsets: Mapping[TopicPartition, int], *, notes: Mapping[TopicPartition, str] | None = None
) -> list[ck.TopicPartition]:
    """Translate partitions with offsets, and with the notes that are committed beside some of them."""
    notes = notes or {}
    return [
        ck.TopicPartition(*partition, offset, metadata=notes[partition])
        if partition in notes
        else ck.TopicPartition(*partition, offset)
        for partition, offset in offsets.items()
    ]


def group_metadata(handle: object) -> GroupMetadata:
    """Read member id and generation out of the library's serialised group metadata.

    The binding offers the whole only as bytes; the member id alone would not show a membership that was
    lost under KIP-848, where it stays and the generation becomes 0.

    Raises
    ------
    BrokerError
        `code="_UNSUPPORTED_FEATURE"`: the installed library writes another format than version 2.
    """
    if handle is None:
        return GroupMetadata(member_id="", generation=-1, handle=None)
    start = len(_GROUP_METADATA_MAGIC) + _GENERATION.size
    if not isinstance(handle, bytes) or not handle.startswith(_GROUP_METADATA_MAGIC) or len(handle) < start:
        raise BrokerError(
            f"unknown format of group metadata from confluent-kafka {ck.__version__}: "
            f"install a version between 2.16 and 3 that is known to work, as 2.16.1",
            code="_UNSUPPORTED_FEATURE",
        )
    (generation,) = _GENERATION.unpack_from(handle, len(_GROUP_METADATA_MAGIC))
    _group, member_id, _rest = handle[start:].split(b"\0", 2)
    return GroupMetadata(member_id=member_id.decode(), generation=generation, handle=handle)
