"""Turns a wish for a replay into its one plan in Kafka, whoever else wishes the same at the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from consumer.clock import SYSTEM_CLOCK
from consumer.config import Delivery, Settings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.kafka import GroupOffsets, KafkaProducer, OffsetRange
from consumer.loop.delivery import UnfinishedError, call_until
from consumer.ports import BrokerError
from consumer.replay.plan import Plan, Source, Terms, read_plan, replay_group

_TIMEOUT_SECONDS: Final = 60.0
"""A predecessor that died amid its transaction is waited for: `transaction.timeout.ms`, 15 s by default."""
_READ_SECONDS: Final = 10.0
_OTHERS_SECONDS: Final = 5.0
"""How long one who was fenced looks for the other's plan before trying again itself."""
_LOOK_SECONDS: Final = 0.1
_FENCED_CODES: Final = frozenset(("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed for a replay; null is what was not, which contradicts no plan."""

    source: Source | None = None
    model: str | None = None
    version: str | None = None
    newest: bool | None = None
    since: str | None = None
    until: str | None = None


def check_wish(wish: Wish, plan: Plan) -> None:
    """Say so where a wish contradicts the plan.

    Raises
    ------
    SettingsError
        It does, and in what.
    """
    terms = plan.terms
    for name, wished, planned in (
        ("--source", wish.source, terms.source),
        ("--model", wish.model, terms.model),
        ("--model", wish.version if wish.version != "latest" else None, terms.version),
        ("--from", wish.since, terms.since),
        ("--to", wish.until, terms.until),
        (
            "--all-uploads",
            None if wish.newest is None else _newest_words(wish.newest),
            _newest_words(terms.newest),
        ),
    ):
        if wished is not None and wished != planned:
            raise SettingsError(
                f"replay {plan.replay_id!r} was planned with {name} {planned or '(none)'}, not {wished}: "
                f"go on with --replay-id {plan.replay_id} alone, or choose another id"
            )


def _newest_words(newest: bool) -> str:
    return "off" if newest else "on"


class PlanBook:
    """Reads and writes the plan of one replay; a process killed meanwhile leaves all of it or nothing.

    One thread at a time.

    Parameters
    ----------
    settings : Settings
        The service's.
    replay_id : str
        Names the replay.

    Raises
    ------
    SettingsError
        That is no id, or librdkafka refuses a property.
    """

    def __init__(self, settings: Settings, *, replay_id: str) -> None:
        self._replay_id = replay_id
        self._group = replay_group(settings.kafka, replay_id=replay_id)
        self._topics = settings.topics
        self._kafka = settings.kafka.model_copy(
            update={
                "group": self._group,
                "delivery": Delivery.EXACTLY_ONCE,
                "transactional_id": f"{self._group}.plan",
            }
        )
        self._offsets = GroupOffsets(self._kafka)

    def find(self, *, timeout_seconds: float = _READ_SECONDS) -> Plan | None:
        """Give the plan; None where there is none.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        SettingsError
            The group of that name is no replay's.
        """
        found = self._offsets.read(timeout_seconds=timeout_seconds)
        return read_plan(found, replay_id=self._replay_id, group=self._group)

    def write(
        self,
        terms: Terms,
        ranges: Mapping[TopicPartition, OffsetRange],
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> Plan:
        """Write the plan unless another process was quicker; give the one that holds.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        SettingsError
            The group of that name is no replay's.
        """
        plan = Plan(self._replay_id, self._group, terms, dict(sorted(ranges.items())))
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                return self._write_once(plan, deadline=deadline)
            except UnfinishedError as exc:
                raise exc.error from exc
            except BrokerError as exc:
                if exc.code not in _FENCED_CODES or time.monotonic() >= deadline:
                    raise
                _log.info("another process writes the plan", group=self._group)
            if (others := self._await_others(deadline)) is not None:
                return others

    def _write_once(self, plan: Plan, *, deadline: float) -> Plan:
        # Whoever registers the same id ends what an earlier one left open and shuts it out; from then on
        # either its plan stands, or nobody's can but ours.
        producer = KafkaProducer(self._kafka, topics=self._topics, notes=plan.notes)
        partitions = list(plan.ranges)
        try:
            _in_time(deadline, lambda seconds: producer.init_transactions(timeout_seconds=seconds))
            self._offsets.read_stable(partitions, timeout_seconds=_left(deadline))
            if (standing := self.find(timeout_seconds=_left(deadline))) is not None:
                return standing
            starts = {partition: span.start for partition, span in plan.ranges.items()}
            producer.begin_transaction()
            outsider = self._offsets.outsider()
            _in_time(
                deadline,
                lambda seconds: producer.send_offsets(starts, metadata=outsider, timeout_seconds=seconds),
            )
            _in_time(deadline, lambda seconds: producer.commit_transaction(timeout_seconds=seconds))
        finally:
            producer.close()
        # A commit's offsets can be read a moment after it returned.
        while self.find(timeout_seconds=_left(deadline)) is None and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return plan

    def _await_others(self, deadline: float) -> Plan | None:
        until = min(deadline, time.monotonic() + _OTHERS_SECONDS)
        while time.monotonic() < until:
            if (plan := self.find(timeout_seconds=_left(deadline))) is not None:
                return plan
            time.sleep(_LOOK_SECONDS)
        return None


def _in_time(deadline: float, call: Callable[[float], None]) -> None:
    call_until(deadline, clock=SYSTEM_CLOCK, call=call)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 1.0)
