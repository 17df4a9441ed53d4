"""Turns a batch of outcomes and its offsets into one Kafka transaction: all of it is visible, or none."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import structlog

from consumer.clock import Clock
from consumer.errors import TwinFencedError
from consumer.jobs import TopicPartition
from consumer.loop.delivery import (
    Batch,
    DeliveryReports,
    Progress,
    Report,
    UnfinishedError,
    call_until,
    is_member,
    raise_if_unauthorized,
)
from consumer.loop.outcomes import Outcome
from consumer.ports import BrokerError, MembershipPort, Partitions, ProducerPort

_TWIN_SECONDS: Final = 60.0
"""Fenced again within this time: not our own late restart, but a living twin."""
_FENCED_CODES: Final = frozenset(("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"))

_log = structlog.get_logger(__name__)


class _Phase(Enum):
    STARTING = auto()
    """The producer, if there is one, has no epoch yet; the last transaction's end may be unknown."""
    IDLE = auto()
    COMMITTING = auto()
    """The commit was asked for: it may have happened, and only asking again can tell."""
    ABORTING = auto()


class TransactionalDelivery:
    """Delivers exactly once.

    Parameters
    ----------
    new_producer : Callable[[], ProducerPort]
        Builds a producer, always with the same transactional.id.
    consumer : MembershipPort
        Tells the membership and the group's committed offsets.
    clock : Clock
        Time.
    """

    def __init__(
        self, new_producer: Callable[[], ProducerPort], *, consumer: MembershipPort, clock: Clock
    ) -> None:
        self._new_producer = new_producer
        self._consumer = consumer
        self._clock = clock
        self._producer: ProducerPort | None = None
        self._phase = _Phase.STARTING
        self._batch: Batch | None = None
        self._reports = DeliveryReports()
        self._error: BrokerError | None = None
        self._commit_asked = False
        self._fenced_at: float | None = None

    @property
    def pending(self) -> bool:
        """Whether the producer's start, a commit or an abort is under way."""
        return self._phase is not _Phase.IDLE

    def deliver(self, batch: Batch | None, *, deadline: float) -> Report | None:
        """Commit `batch` in one transaction, or go on with the pending one; see `Delivery`."""
        try:
            if self._phase is _Phase.STARTING:
                return self._start(deadline)
            if self._phase is _Phase.ABORTING:
                return self._abort(deadline)
            if self._phase is _Phase.COMMITTING:
                return self._commit(deadline)
            return None if batch is None else self._transact(batch, deadline)
        except UnfinishedError as exc:
            self._error = exc.error
            if self._batch is None:  # nobody reports it
                _log.warning("the producer cannot start yet", code=exc.error.code, error=str(exc))
            return self._report(Progress.PENDING)

    def drop(self, partitions: Partitions) -> None:
        """Do nothing: an open transaction is atomic, and the broker fences it by generation."""

    def close(self) -> None:
        """Let the producer go; the broker aborts what is open, at the latest after its time-out."""
        if self._producer is not None:
            self._producer.close()

    def _transact(self, batch: Batch, deadline: float) -> Report | None:
        # Brokers do not check an empty member id or generation: they would take a zombie's offsets.
        metadata = self._consumer.group_metadata()
        if not is_member(metadata):
            return Report(Progress.SKIPPED_MEMBERSHIP, batch)
        producer = self._living()
        self._batch, self._reports = batch, DeliveryReports()
        self._error, self._commit_asked = None, False
        try:
            producer.begin_transaction()
            for outcome in batch.outcomes():
                self._produce(outcome, producer)
            call_until(
                deadline,
                clock=self._clock,
                call=lambda seconds: producer.send_offsets(
                    batch.next_offsets, metadata=metadata, timeout_seconds=seconds
                ),
            )
        except UnfinishedError as exc:
            self._error = exc.error
            # Not resumed later: by then the generation may be another and the partitions someone else's.
            return self._abort(deadline)
        except BrokerError as exc:
            return self._fail(exc, deadline)
        return self._commit(deadline)

    def _produce(self, outcome: Outcome, producer: ProducerPort) -> None:
        for record in outcome.outputs:
            on_delivery = self._reports.of(outcome, record)
            try:
                producer.produce(record, on_delivery=on_delivery)
            except BrokerError as exc:
                on_delivery(exc)
                raise

    def _commit(self, deadline: float) -> Report | None:
        self._phase = _Phase.COMMITTING
        self._commit_asked = True
        producer = self._living()
        try:
            call_until(
                deadline,
                clock=self._clock,
                call=lambda seconds: producer.commit_transaction(timeout_seconds=seconds),
            )
        except BrokerError as exc:
            return self._fail(exc, deadline)
        self._phase = _Phase.IDLE
        return self._report(Progress.COMMITTED)

    def _fail(self, error: BrokerError, deadline: float) -> Report | None:
        raise_if_unauthorized(error)
        self._error = error
        if error.fatal:
            # Never abort here: a dead producer answers "retriable" for ever.
            self._bury(error)
            return self._start(deadline)
        return self._abort(deadline)

    def _abort(self, deadline: float) -> Report | None:
        self._phase = _Phase.ABORTING
        producer = self._living()
        try:
            call_until(
                deadline,
                clock=self._clock,
                call=lambda seconds: producer.abort_transaction(timeout_seconds=seconds),
            )
        except BrokerError as exc:
            self._bury(exc)
            return self._start(deadline)
        self._phase = _Phase.IDLE
        for delivery_error in self._reports.errors:  # all have been told by now
            raise_if_unauthorized(delivery_error)
        return self._report(Progress.ABORTED)

    def _bury(self, error: BrokerError) -> None:
        if self._producer is not None:
            self._producer.close()
        self._producer = None
        self._phase = _Phase.STARTING
        self._error = error
        if error.code not in _FENCED_CODES:
            return
        now = self._clock.monotonic()
        if self._fenced_at is not None and now - self._fenced_at < _TWIN_SECONDS:
            raise TwinFencedError(
                f"fenced twice within {_TWIN_SECONDS:.0f} s: another living worker has the same "
                "transactional.id: give each its own kafka.slot or kafka.transactional_id"
            ) from error
        self._fenced_at = now

    def _start(self, deadline: float) -> Report | None:
        """Give the producer its epoch, which ends what an earlier one left open, and learn how it ended."""
        if self._producer is None:
            self._producer = self._new_producer()
        producer = self._producer
        try:
            call_until(
                deadline,
                clock=self._clock,
                call=lambda seconds: producer.init_transactions(timeout_seconds=seconds),
            )
        except BrokerError as exc:
            self._bury(exc)
            return self._report(Progress.PENDING)
        covered = self._read_committed(deadline)
        self._phase = _Phase.IDLE
        return self._report(Progress.FENCED, covered=covered)

    def _read_committed(self, deadline: float) -> dict[TopicPartition, int]:
        if self._batch is None or not self._commit_asked:
            return {}  # nothing of ours can have been committed
        partitions = list(self._batch.prefixes)
        committed: dict[TopicPartition, int] = {}

        def read(seconds: float) -> None:
            committed.update(self._consumer.committed(partitions, timeout_seconds=seconds))

        try:
            call_until(deadline, clock=self._clock, call=read)
        except BrokerError as exc:
            raise UnfinishedError(exc) from exc  # not known yet: ask again before anything is produced
        return committed

    def _report(
        self, progress: Progress, *, covered: dict[TopicPartition, int] | None = None
    ) -> Report | None:
        """Report on the batch under way, which is let go unless it is pending; None without one."""
        batch = self._batch
        if progress is not Progress.PENDING:
            self._batch = None
        if batch is None:
            return None
        error = None if progress is Progress.COMMITTED else self._error
        return Report(
            progress, batch, covered=covered or {}, refused=tuple(self._reports.refused), error=error
        )

    def _living(self) -> ProducerPort:
        if self._producer is None:
            raise RuntimeError("the transaction has lost its producer")
        return self._producer
