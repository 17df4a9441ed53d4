"""The simulation sees what it is there to see: each way to break the algorithm turns it red.

Every mutation is one small, plausible mistake, made here by monkeypatching and nowhere in the product.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog

import consumer.simulation.world as world_module
from consumer.loop.at_least_once import AtLeastOnceDelivery
from consumer.loop.delivery import Progress, Report
from consumer.loop.dispatch import Dispatcher
from consumer.loop.flushing import Flusher
from consumer.loop.intake import Intake
from consumer.loop.offsets import OffsetTracker
from consumer.loop.outcomes import Outcome, Settler
from consumer.loop.partitions import Assignment
from consumer.loop.transactional import TransactionalDelivery
from consumer.ports import BrokerError
from consumer.simulation import ViolationError, simulate

pytestmark = pytest.mark.slow

MOST_SEEDS = 600
MOST_TURNS = 1_500
"""A mutant that never drains need not be watched for as long as a healthy loop."""

Mutation = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    monkeypatch.setattr(world_module, "_MAX_TURNS", MOST_TURNS)
    yield
    structlog.configure(**before)


def _always(answer: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: answer


def _a_state_outlives_its_assignment(patch: pytest.MonkeyPatch) -> None:
    add = Assignment.add

    def add_unless_known(self: Assignment, partitions: Any) -> None:
        add(self, [partition for partition in partitions if self.get(partition) is None])

    patch.setattr(Assignment, "add", add_unless_known)
    patch.setattr(Assignment, "drop", _always(None))


def _membership_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("consumer.loop.transactional.is_member", _always(True))


def _the_next_offset_counts_records(patch: pytest.MonkeyPatch) -> None:
    prefix = OffsetTracker.prefix

    def counted(self: OffsetTracker[Any], **limits: int) -> Any:
        found = prefix(self, **limits)
        return found and replace(found, next_offset=found.records[0].offset + len(found.records))

    patch.setattr(OffsetTracker, "prefix", counted)


def _offsets_are_taken_for_consecutive(patch: pytest.MonkeyPatch) -> None:
    receive = OffsetTracker.receive

    def last_plus_one(self: OffsetTracker[Any], offset: int, *, n_events: int) -> None:
        last = self._last_received
        receive(self, offset if last < 0 else last + 1, n_events=n_events)

    patch.setattr(OffsetTracker, "receive", last_plus_one)


def _the_position_is_committed(patch: pytest.MonkeyPatch) -> None:
    prefix = OffsetTracker.prefix

    def position(self: OffsetTracker[Any], **limits: int) -> Any:
        found = prefix(self, **limits)
        return found and replace(found, next_offset=self._last_received + 1)

    patch.setattr(OffsetTracker, "prefix", position)


def _a_dead_producer_is_aborted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionalDelivery, "_fail", lambda self, _error, deadline: self._abort(deadline))


def _the_buffer_is_dropped_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    settle = Flusher._settle

    def forgetful(self: Flusher, report: Report) -> None:
        if report.progress is Progress.ABORTED:
            report = replace(report, progress=Progress.COMMITTED)
        settle(self, report)

    patch.setattr(Flusher, "_settle", forgetful)


def _a_new_producer_does_not_ask_what_was_committed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionalDelivery, "_read_committed", _always({}))


def _a_timed_out_commit_is_taken_for_aborted(patch: pytest.MonkeyPatch) -> None:
    commit = TransactionalDelivery._commit

    def impatient(self: TransactionalDelivery, deadline: float) -> Report | None:
        producer = self._living()
        try:
            producer.commit_transaction(timeout_seconds=1.0)
        except BrokerError as exc:
            if exc.retriable:
                self._bury(BrokerError(str(exc), code="_GAVE_UP"))
                self._commit_asked = False
                return self._start(deadline)
        return commit(self, deadline)

    patch.setattr(TransactionalDelivery, "_commit", impatient)


def _done_work_behind_the_head_is_committed(patch: pytest.MonkeyPatch) -> None:
    def advance(self: OffsetTracker[Any]) -> None:
        for record in [record for record in self._waiting if record.done]:
            self._waiting.remove(record)
            del self._by_offset[record.offset]
            self._ready.append(record)

    patch.setattr(OffsetTracker, "_advance", advance)


def _the_deadline_is_never_enforced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Dispatcher, "overdue", _always([]))


def _retries_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Intake, "_due", _always(0.0))


def _attempts_are_not_limited(patch: pytest.MonkeyPatch) -> None:
    init = Settler.__init__

    def unlimited(self: Settler, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._max_attempts = 1_000

    patch.setattr(Settler, "__init__", unlimited)


def _what_is_refused_is_tried_again_as_it_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Flusher, "_shrink", _always(None))


def _a_pending_commit_keeps_partitions_that_went(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AtLeastOnceDelivery, "drop", _always(None))


def _offsets_are_committed_before_deliveries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AtLeastOnceDelivery, "_await_deliveries", _always(None))


def _an_invalid_record_is_ignored(patch: pytest.MonkeyPatch) -> None:
    receive = Intake.receive

    def only_uploads(self: Intake, state: Any, record: Any) -> None:
        if record.value != b"no upload":
            receive(self, state, record)

    patch.setattr(Intake, "receive", only_uploads)


def _features_are_produced_without_their_label(patch: pytest.MonkeyPatch) -> None:
    produce = TransactionalDelivery._transact

    def features_first(self: TransactionalDelivery, batch: Any, deadline: float) -> Any:
        for outcome in batch.outcomes():
            for record in outcome.also:
                self._consumer._broker.append(record, transaction=None)  # type: ignore[attr-defined]  # the memory broker's
        return produce(self, batch, deadline)

    patch.setattr(TransactionalDelivery, "_transact", features_first)
    patch.setattr(Outcome, "outputs", property(lambda outcome: (outcome.output,) if outcome.output else ()))


def _features_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Settler, "_with_features", lambda _self, outcome, _features: outcome)


def _refused_features_take_the_label_with_them(patch: pytest.MonkeyPatch) -> None:
    shrink = Settler.shrink
    patch.setattr(Settler, "shrink", lambda self, outcome, **_: shrink(self, outcome))


MUTATIONS: tuple[Mutation, ...] = (
    _a_state_outlives_its_assignment,
    _membership_is_not_checked,
    _the_next_offset_counts_records,
    _offsets_are_taken_for_consecutive,
    _the_position_is_committed,
    _a_dead_producer_is_aborted,
    _the_buffer_is_dropped_after_an_abort,
    _a_new_producer_does_not_ask_what_was_committed,
    _a_timed_out_commit_is_taken_for_aborted,
    _done_work_behind_the_head_is_committed,
    _the_deadline_is_never_enforced,
    _retries_do_not_wait,
    _attempts_are_not_limited,
    _what_is_refused_is_tried_again_as_it_is,
    _a_pending_commit_keeps_partitions_that_went,
    _offsets_are_committed_before_deliveries,
    _an_invalid_record_is_ignored,
    _features_are_produced_without_their_label,
    _features_are_forgotten,
    _refused_features_take_the_label_with_them,
)


def _turns_red() -> bool:
    for seed in range(MOST_SEEDS):
        try:
            simulate(seed)
        except (ViolationError, ValueError):  # the tracker itself refuses what goes back
            return True
    return False


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
def test_the_simulation_turns_red_when(mutate: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    assert _turns_red(), f"{MOST_SEEDS} seeds did not notice"
