"""Turns the topic settings into typed topic definitions, and creates or compares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol

from consumer.ports import BrokerError
from consumer.topic_settings import TopicSettings

_UNLIMITED: Final = "-1"
_UPLOADS_KEPT: Final = timedelta(days=30)
"""Long enough to relabel the recent past by replay; an operator with a catalogue to replay keeps more."""
_RETRIES_KEPT: Final = timedelta(days=7)
"""Far beyond the longest delay, so that workers may stand still over a long weekend."""
_DEAD_LETTERS_KEPT: Final = timedelta(days=90)
"""Somebody has to look at them."""
_SIDE_PARTITIONS: Final = 1
"""Of retry and dead-letter topics. Members share out partitions by their number, whatever the topic: with as
many retry partitions as of uploads, a second worker was given retry partitions only and stood idle."""


@dataclass(frozen=True, slots=True)
class TopicDefinition:
    """A topic as it should be; `replication` None leaves the factor to the broker's default."""

    name: str
    partitions: int
    replication: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as it is, with its whole configuration."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class TopicState(StrEnum):
    """What was found, or done, about a defined topic."""

    CREATED = "created"
    EXISTS = "exists"
    DIFFERS = "differs"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TopicReport:
    """One defined topic; `differences` says in words what is not as defined."""

    name: str
    state: TopicState
    differences: tuple[str, ...] = ()


class TopicAdmin(Protocol):
    """What is asked of a broker here: `consumer.kafka.KafkaAdmin`, or a fake."""

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicDescription]:
        """Describe the topics that exist; the others are left out."""

    def create(self, definition: TopicDefinition) -> None:
        """Create a topic; raises `BrokerError` with `code="TOPIC_ALREADY_EXISTS"` where it exists."""


def definitions(
    topics: TopicSettings, *, partitions: int = 12, replication: int | None = None
) -> tuple[TopicDefinition, ...]:
    """Define every topic that the service reads or writes.

    Parameters
    ----------
    topics : TopicSettings
        Names and sizes.
    partitions : int
        Of uploads, labels and features; as many workers can share the uploads, or a replay of the features.
        Retry and dead-letter topics have one.
    replication : int, optional
        Copies of every partition; the broker's default where null.

    Returns
    -------
    tuple of TopicDefinition
        Uploads, retries, labels, dead letters, features. Labels are not compacted: a late retry or replay of
        an older upload has the higher offset and would erase the newer label. The feature log is, as it
        would grow with every upload: of a track whose older upload was retried late, it may keep the older
        features.
    """
    size = topics.max_message_bytes
    return (
        *(
            TopicDefinition(name, partitions, replication, _config(size, kept=_UPLOADS_KEPT))
            for name in topics.uploads
        ),
        *(
            TopicDefinition(retry.topic, _SIDE_PARTITIONS, replication, _config(size, kept=_RETRIES_KEPT))
            for retry in topics.retries
        ),
        TopicDefinition(topics.labels, partitions, replication, _config(size, kept=None)),
        TopicDefinition(
            topics.dead_letters,
            _SIDE_PARTITIONS,
            replication,
            _config(topics.max_dead_letter_bytes, kept=_DEAD_LETTERS_KEPT),
        ),
        TopicDefinition(topics.features, partitions, replication, _compacted(topics.max_feature_bytes)),
    )


def create(admin: TopicAdmin, wanted: Iterable[TopicDefinition]) -> tuple[TopicReport, ...]:
    """Create what is missing and compare what exists; existing topics are never changed.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses.
    """
    definitions_ = tuple(wanted)
    reports = []
    for definition, report in zip(definitions_, inspect(admin, definitions_), strict=True):
        state = report.state
        if state is TopicState.MISSING:
            state = _create_one(admin, definition)
        reports.append(TopicReport(report.name, state, report.differences))
    return tuple(reports)


def inspect(admin: TopicAdmin, wanted: Iterable[TopicDefinition]) -> tuple[TopicReport, ...]:
    """Compare the topics with their definitions, changing nothing.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses.
    """
    definitions_ = tuple(wanted)
    existing = admin.describe([definition.name for definition in definitions_])
    return tuple(_report(definition, existing.get(definition.name)) for definition in definitions_)


def _create_one(admin: TopicAdmin, definition: TopicDefinition) -> TopicState:
    try:
        admin.create(definition)
    except BrokerError as exc:
        if exc.code != "TOPIC_ALREADY_EXISTS":  # somebody else was quicker, which is as good
            raise
        return TopicState.EXISTS
    return TopicState.CREATED


def _config(max_message_bytes: int, *, kept: timedelta | None) -> dict[str, str]:
    retention = _UNLIMITED if kept is None else str(round(kept.total_seconds() * 1_000))
    config = {
        "cleanup.policy": "delete",
        "max.message.bytes": str(max_message_bytes),
        "retention.ms": retention,
    }
    return config if kept is not None else {**config, "retention.bytes": _UNLIMITED}


def _compacted(max_message_bytes: int) -> dict[str, str]:
    return {"cleanup.policy": "compact", "max.message.bytes": str(max_message_bytes)}


def _report(definition: TopicDefinition, existing: TopicDescription | None) -> TopicReport:
    if existing is None:
        return TopicReport(definition.name, TopicState.MISSING)
    differences = tuple(_differences(definition, existing))
    return TopicReport(definition.name, TopicState.DIFFERS if differences else TopicState.EXISTS, differences)


def _differences(definition: TopicDefinition, existing: TopicDescription) -> Iterable[str]:
    if existing.partitions != definition.partitions:
        yield f"partitions: {existing.partitions}, expected {definition.partitions}"
    if definition.replication is not None and existing.replication != definition.replication:
        yield f"replication: {existing.replication}, expected {definition.replication}"
    for name, value in definition.config.items():
        found = existing.config.get(name)
        if found != value:
            yield f"{name}: {found}, expected {value}"
