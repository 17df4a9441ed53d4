"""Turns a batch of outcomes into produced records and, once all are delivered, into committed offsets."""

from __future__ import annotations

from collections.abc import Callable

from consumer.clock import Clock
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
from consumer.ports import BrokerError, ConsumerPort, Partitions, ProducerPort


class AtLeastOnceDelivery:
    """Delivers at least once: a crash between the two steps repeats records, which share a result_id.

    Parameters
    ----------
    new_producer : Callable[[], ProducerPort]
        Builds a producer without a transactional.id.
    consumer : ConsumerPort
        Commits the offsets.
    clock : Clock
        Time.
    """

    def __init__(
        self, new_producer: Callable[[], ProducerPort], *, consumer: ConsumerPort, clock: Clock
    ) -> None:
        self._new_producer = new_producer
        self._producer = new_producer()
        self._consumer = consumer
        self._clock = clock
        self._batch: Batch | None = None
        self._reports = DeliveryReports()

    @property
    def pending(self) -> bool:
        """Whether deliveries or a commit are under way."""
        return self._batch is not None

    def deliver(self, batch: Batch | None, *, deadline: float) -> Report | None:
        """Produce `batch` and commit its offsets, or go on with the pending one; see `Delivery`."""
        if self._batch is None:
            if batch is None:
                return None
            if not is_member(self._consumer.group_metadata()):
                return Report(Progress.SKIPPED_MEMBERSHIP, batch)
            self._batch, self._reports = batch, DeliveryReports()
            self._produce(batch)
        try:
            call_until(deadline, clock=self._clock, call=self._await_deliveries)
            if self._reports.errors:
                return self._give_up()
            return self._commit(deadline)
        except UnfinishedError as exc:
            return Report(Progress.PENDING, self._batch, error=exc.error)
        except BrokerError as exc:
            self._reports.errors.append(exc)
            return self._give_up()

    def drop(self, partitions: Partitions) -> None:
        """Leave these out of the pending commit: it would set back the offsets of their new owner."""
        if self._batch is None:
            return
        kept = {
            partition: prefix
            for partition, prefix in self._batch.prefixes.items()
            if partition not in partitions
        }
        self._batch = Batch(kept) if kept else None

    def close(self) -> None:
        """Let the producer go."""
        self._producer.close()

    def _produce(self, batch: Batch) -> None:
        records = ((outcome, record) for outcome in batch.outcomes() for record in outcome.outputs)
        for outcome, record in records:
            on_delivery = self._reports.of(outcome, record)
            try:
                self._producer.produce(record, on_delivery=on_delivery)
            except BrokerError as exc:
                on_delivery(exc)

    def _await_deliveries(self, timeout_seconds: float) -> None:
        outstanding = self._producer.flush(timeout_seconds=timeout_seconds)
        if outstanding:
            raise BrokerError(f"deliveries outstanding: n={outstanding}", code="_TIMED_OUT", retriable=True)

    def _commit(self, deadline: float) -> Report | None:
        batch = self._batch
        if batch is None:
            return None
        try:
            call_until(
                deadline, clock=self._clock, call=lambda _seconds: self._consumer.commit(batch.next_offsets)
            )
        except BrokerError as exc:
            # A rebalance is under way: it ends in `drop`, or in a generation that takes the commit.
            raise UnfinishedError(exc) from exc
        self._batch = None
        return Report(Progress.COMMITTED, batch)

    def _give_up(self) -> Report | None:
        batch, self._batch = self._batch, None
        for error in self._reports.errors:
            raise_if_unauthorized(error)
        if any(error.fatal for error in self._reports.errors):
            self._producer.close()
            self._producer = self._new_producer()
        if batch is None:
            return None
        return Report(
            Progress.ABORTED, batch, refused=tuple(self._reports.refused), error=self._reports.errors[0]
        )
