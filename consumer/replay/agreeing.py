"""Turns what was typed for a replay into the plan that holds and the model that it names, old or new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from consumer.config import Settings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.replay.bounds import parse_bound
from consumer.replay.plan import Plan, Source, Terms
from consumer.rollout.sources import load_model
from modelzoo.registry import Artifact

if TYPE_CHECKING:
    from consumer.kafka import OffsetRange
    from consumer.replay.book import Wish

_DEFAULT_SOURCE: Final[Source] = "uploads"
_TIMEOUT_SECONDS: Final = 30.0


def agree_on_plan(settings: Settings, wish: Wish, *, replay_id: str, now: datetime) -> tuple[Plan, Artifact]:
    """Join the replay of that id, or plan it.

    Parameters
    ----------
    settings : Settings
        The service's; its model is the replay's where a new one is planned.
    wish : Wish
        What was typed.
    replay_id : str
        Names the replay.
    now : datetime
        What `2h` counts back from.

    Raises
    ------
    SettingsError
        A bound is none, or what was typed contradicts the plan, or the registry holds another model under
        the plan's name.
    BrokerError
        The broker does not answer, refuses us, or lacks a topic.
    ModelError
        The model is missing, altered, or fitted to other features.
    """
    from consumer.replay.book import PlanBook, check_wish  # noqa: PLC0415 - loads librdkafka

    book = PlanBook(settings, replay_id=replay_id)
    # A model that is missing is told before a broker is waited for.
    artifact = None if wish.model is None else load_model(settings)
    plan = book.find()
    if plan is None:
        artifact = artifact or load_model(settings)
        source = wish.source or _DEFAULT_SOURCE
        terms = Terms.of(
            artifact.manifest,
            source=source,
            newest=wish.newest is not False,
            since=wish.since,
            until=wish.until,
        )
        ranges = find_source_ranges(settings, source=source, since=wish.since, until=wish.until, now=now)
        plan = book.write(terms, ranges)
    check_wish(wish, plan)
    if artifact is None or artifact.manifest.sha256 != plan.terms.sha256:
        artifact = load_model(settings_of_plan(settings, plan))
        check_model(plan, artifact)
    return plan, artifact


def find_source_ranges(
    settings: Settings, *, source: Source, since: str | None, until: str | None, now: datetime
) -> dict[TopicPartition, OffsetRange]:
    """Find the offsets between two typed bounds in the topics of a source.

    Raises
    ------
    SettingsError
        A bound is none.
    BrokerError
        The broker does not answer, refuses us, or lacks a topic.
    """
    from consumer.kafka import find_ranges  # noqa: PLC0415 - loads librdkafka

    topics = list(settings.topics.uploads) if source == "uploads" else [settings.topics.features]
    bounds = {}
    for option, typed in (("--from", since), ("--to", until)):
        try:
            bounds[option] = None if typed is None else parse_bound(typed, now=now)
        except ValueError as exc:
            raise SettingsError(f"{option}: {exc}") from exc
    return find_ranges(
        settings.kafka,
        topics,
        since=bounds["--from"],
        until=bounds["--to"],
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def count_expired(settings: Settings, plan: Plan) -> int:
    """Count the offsets of a plan that are still to do and whose records the broker has dropped since.

    Raises
    ------
    BrokerError
        The broker does not answer, refuses us, or lacks a topic.
    """
    from consumer.kafka import GroupOffsets, find_ranges  # noqa: PLC0415 - loads librdkafka

    there = find_ranges(settings.kafka, plan.topics, timeout_seconds=_TIMEOUT_SECONDS)
    kafka = settings.kafka.model_copy(update={"group": plan.group})
    committed = GroupOffsets(kafka).read(timeout_seconds=_TIMEOUT_SECONDS)
    return sum(
        max(min(there[partition].start, span.stop) - committed[partition].offset, 0)
        for partition, span in plan.ranges.items()
        if partition in there and partition in committed
    )


def settings_of_plan(settings: Settings, plan: Plan) -> Settings:
    """Give the service's settings with the plan's model in them, pinned."""
    named: Mapping[str, str] = {"name": plan.terms.model, "version": plan.terms.version}
    return settings.model_copy(update={"model": settings.model.model_copy(update=dict(named))})


def check_model(plan: Plan, artifact: Artifact) -> None:
    """Say so where the registry holds another model under the plan's name.

    Raises
    ------
    SettingsError
        It does.
    """
    found = artifact.manifest.sha256
    if found != plan.terms.sha256:
        raise SettingsError(
            f"replay {plan.replay_id!r} was planned with another model under the same name: "
            f"{plan.terms.model}@{plan.terms.version} sha256={found[:12]} planned={plan.terms.sha256[:12]}: "
            "put the planned one into the registry, or begin another replay"
        )
