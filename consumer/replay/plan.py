"""Turns what a replay is to do into a plan in Kafka, which all processes of the replay read and none changes.

The plan is the committed offsets of a consumer group of the replay's own, `<group>.relabel.<replay id>`. The
next offset of each partition is how far the replay is, and the note beside it says where it stops and what
was agreed. Whoever commits further carries the notes on. So a replay is known by its id alone, whichever
processes have died, for as long as the broker keeps the offsets of a group without members
(`offsets.retention.minutes`, a week by default).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from consumer.config import Delivery, KafkaSettings, Settings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from modelzoo.manifest import Manifest

if TYPE_CHECKING:
    from consumer.kafka import CommittedOffset, OffsetRange

Source = Literal["uploads", "features"]

Property = str | int | float | bool

_OF_THE_LIVE_GROUP: Final = frozenset({"group.id", "group.instance.id", "transactional.id"})
"""librdkafka properties that an operator may have passed for the live workers, and that name them."""
_PRODUCING: Final[dict[str, Property]] = {"compression.type": "lz4", "delivery.report.only.error": True}
"""Of a replay's producers, where the operator says nothing else. zstd needs half the room, 280 bytes a label
in place of 540, and some 5 us of CPU time more. A transaction's end tells of success: reports of it
would be two calls a label."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Terms(BaseModel):
    """What the processes of a replay have agreed on.

    Attributes
    ----------
    source : str
        `uploads` (their audio again) or `features` (the feature log).
    model, version, sha256 : str
        The model, to the byte.
    newest : bool
        Whether only the newest upload of each track in the range is labelled.
    since, until : str or None
        The bounds as they were typed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source
    model: str
    version: str
    sha256: str
    newest: bool = True
    since: str | None = None
    until: str | None = None

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        *,
        source: Source,
        newest: bool = True,
        since: str | None = None,
        until: str | None = None,
    ) -> Self:
        """Give the terms of a replay by the model that `manifest` describes."""
        return cls(
            source=source,
            model=manifest.name,
            version=manifest.version,
            sha256=manifest.sha256,
            newest=newest,
            since=since,
            until=until,
        )


class _Note(BaseModel):
    """What stands beside a partition's committed offset: `v` is the version of this form."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    start: int
    stop: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Plan:
    """A replay as it was agreed.

    Attributes
    ----------
    replay_id : str
        Its name.
    group : str
        Its consumer group.
    terms : Terms
        What is done.
    ranges : Mapping of TopicPartition to OffsetRange
        What is read, an entry for each partition; an empty range is one that held nothing.
    """

    replay_id: str
    group: str
    terms: Terms
    ranges: Mapping[TopicPartition, OffsetRange]

    @property
    def notes(self) -> dict[TopicPartition, str]:
        """What every commit of the group has to carry, for `consumer.kafka.KafkaProducer`."""
        return {
            partition: _Note(start=span.start, stop=span.stop, terms=self.terms).model_dump_json(
                exclude_none=True
            )
            for partition, span in self.ranges.items()
        }

    @property
    def topics(self) -> tuple[str, ...]:
        """What the group's members subscribe to."""
        return tuple(sorted({partition.topic for partition in self.ranges}))

    @property
    def total(self) -> int:
        """Offsets of all ranges, gaps and superseded records among them."""
        return sum(len(span) for span in self.ranges.values())


def replay_group(kafka: KafkaSettings, *, replay_id: str) -> str:
    """Give the name of a replay's consumer group.

    Raises
    ------
    SettingsError
        The id is not one: letters, digits, dots, dashes and underscores, 64 at most.
    """
    if _ID.fullmatch(replay_id) is None:
        raise SettingsError(
            f"not a replay id: {replay_id!r}: use letters, digits, dots, dashes and underscores, 64 at most"
        )
    return f"{kafka.group}.relabel.{replay_id}"


def read_plan(
    committed: Mapping[TopicPartition, CommittedOffset], *, replay_id: str, group: str
) -> Plan | None:
    """Read the plan out of a group's committed offsets; None where the group has committed none.

    Raises
    ------
    SettingsError
        The group is another's: its offsets carry no plan, or not one plan.
    """
    from consumer.kafka import OffsetRange  # noqa: PLC0415 - loads librdkafka, which this module's data need not

    if not committed:
        return None
    try:
        notes = {
            partition: _Note.model_validate_json(offset.metadata) for partition, offset in committed.items()
        }
        ranges = {partition: OffsetRange(note.start, note.stop) for partition, note in notes.items()}
    except (ValidationError, ValueError) as exc:
        raise SettingsError(
            f"group {group!r} has offsets that are not of a replay, or of one that a newer release planned: "
            "use another --replay-id"
        ) from exc
    terms = next(iter(notes.values())).terms
    if any(note.terms != terms for note in notes.values()):
        raise SettingsError(f"group {group!r} holds the offsets of two replays: use another --replay-id")
    return Plan(replay_id, group, terms, dict(sorted(ranges.items())))


def member_settings(settings: Settings, plan: Plan, *, transactional_id: str) -> Settings:
    """Give the settings of one process of a replay: nothing of the live group's but its topics and limits.

    Parameters
    ----------
    settings : Settings
        The service's.
    plan : Plan
        What was agreed.
    transactional_id : str
        This process's own, never used twice.

    Returns
    -------
    Settings
        No retry topics: what fails is dead-lettered, and the live label stays. Exactly once, whatever the
        service has. Records that expired since are passed over. No feature log: what it would hold of an old
        upload would take the place of a newer one's.
    """
    passed = settings.kafka
    kafka = passed.model_copy(
        update={
            "group": plan.group,
            "delivery": Delivery.EXACTLY_ONCE,
            "transactional_id": transactional_id,
            "properties": _nameless(passed.properties),
            "consumer_properties": {
                **_nameless(passed.consumer_properties),
                "auto.offset.reset": "earliest",
            },
            "producer_properties": _PRODUCING | _nameless(passed.properties | passed.producer_properties),
        }
    )
    uploads = {topic: adapter for topic, adapter in settings.topics.uploads.items() if topic in plan.topics}
    model = {"name": plan.terms.model, "version": plan.terms.version}
    return settings.model_copy(
        update={
            "kafka": kafka,
            "topics": settings.topics.model_copy(update={"uploads": uploads, "retries": ()}),
            "worker": settings.worker.model_copy(update={"feature_log": False}),
            "model": settings.model.model_copy(update=model),
        }
    )


def _nameless(properties: Mapping[str, Property]) -> dict[str, Property]:
    """Leave out what names a live worker to the broker."""
    return {name: value for name, value in properties.items() if name not in _OF_THE_LIVE_GROUP}
