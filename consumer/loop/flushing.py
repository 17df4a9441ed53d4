"""Turns finished work at the partitions' heads into committed batches: when, how much, and what then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consumer.clock import Clock
from consumer.config import WorkerSettings
from consumer.jobs import TopicPartition
from consumer.loop.accounting import Accountant
from consumer.loop.delivery import Batch, Delivery, Progress, Report
from consumer.loop.outcomes import Settler
from consumer.loop.partitions import Assignment

_FIRST_BACKOFF_SECONDS: Final = 0.1  # an ILLEGAL_GENERATION in a cooperative rebalance passes in tenths
_LAST_BACKOFF_SECONDS: Final = 5.0


class Flusher:
    """Commits prefixes through a delivery and brings the trackers up to date; Kafka thread only.

    Parameters
    ----------
    delivery : Delivery
        Exactly once or at least once.
    assignment : Assignment
        Whose heads are committed.
    settler : Settler
        Shrinks what the broker refuses.
    accountant : Accountant
        Counts what was committed.
    settings : WorkerSettings
        When a flush is due, and how large it may be.
    clock : Clock
        Time.
    """

    def __init__(
        self,
        delivery: Delivery,
        *,
        assignment: Assignment,
        settler: Settler,
        accountant: Accountant,
        settings: WorkerSettings,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._assignment = assignment
        self._settler = settler
        self._accountant = accountant
        self._settings = settings
        self._clock = clock
        self._flushed_at = clock.monotonic()
        self._wait_until = clock.monotonic()
        self._backoff_seconds = _FIRST_BACKOFF_SECONDS

    @property
    def pending(self) -> bool:
        """Whether an earlier flush is under way still."""
        return self._delivery.pending

    @property
    def unflushed(self) -> bool:
        """Whether anything may be committed."""
        return any(state.tracker.ready_records for state in self._assignment)

    def due(self, *, idle: bool) -> bool:
        """Tell whether to flush now; at once where the worker is `idle`, as nothing more is to come."""
        ready_records = sum(state.tracker.ready_records for state in self._assignment)
        now = self._clock.monotonic()
        if not ready_records or now < self._wait_until:
            return False
        if idle or now - self._flushed_at >= self._settings.flush_interval_seconds:
            return True
        ready_bytes = sum(state.tracker.ready_bytes for state in self._assignment)
        return ready_records >= self._settings.flush_records or ready_bytes >= self._settings.flush_bytes

    def flush(self, *, deadline: float) -> Progress | None:
        """Go on with the pending batch, or commit a new one, until `deadline` in monotonic seconds.

        None where there was nothing to do, or the producer is still starting.
        """
        batch = None if self._delivery.pending else self._next_batch()
        report = self._delivery.deliver(batch, deadline=deadline)
        if report is None:
            return None
        self._accountant.flushed(report)
        self._settle(report)
        return report.progress

    def flush_all(self, *, deadline: float) -> None:
        """Commit all that may be committed, as far as `deadline` and the membership allow."""
        while (self.pending or self.unflushed) and self._clock.monotonic() < deadline:
            progress = self.flush(deadline=deadline)
            if progress is Progress.SKIPPED_MEMBERSHIP:
                return
            if progress not in (Progress.COMMITTED, None):
                self._clock.sleep(_FIRST_BACKOFF_SECONDS)

    def _next_batch(self) -> Batch | None:
        """Take an even share from each partition, so that a busy one cannot hold up the others."""
        states = [state for state in self._assignment if state.tracker.ready_records]
        if not states:
            return None
        max_records = max(1, self._settings.flush_records // len(states))
        max_bytes = self._settings.flush_bytes // len(states)
        prefixes = {
            state.topic_partition: prefix
            for state in states
            if (prefix := state.tracker.prefix(max_records=max_records, max_bytes=max_bytes))
        }
        return Batch(prefixes)

    def _settle(self, report: Report) -> None:
        if report.progress is Progress.COMMITTED:
            self._forget(report.batch, report.batch.next_offsets)
            self._flushed_at = self._clock.monotonic()
            self._backoff_seconds = _FIRST_BACKOFF_SECONDS
            self._wait_until = self._flushed_at
            return
        if report.progress is Progress.FENCED:
            self._forget(report.batch, report.covered)
        if report.refused:
            self._shrink(report)
        elif report.progress is not Progress.PENDING:
            self._wait_until = self._clock.monotonic() + self._backoff_seconds
            self._backoff_seconds = min(2 * self._backoff_seconds, _LAST_BACKOFF_SECONDS)

    def _forget(self, batch: Batch, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Let go of what is committed; a partition that moved on (another epoch) has forgotten already."""
        for partition, prefix in batch.prefixes.items():
            next_offset = next_offsets.get(partition, 0)
            covered = [record for record in prefix.records if record.offset < next_offset]
            self._accountant.committed(outcome for record in covered for outcome in record.ended())
            state = self._assignment.get(partition, epoch=prefix.epoch)
            if state is not None:
                state.tracker.forget(next_offset)

    def _shrink(self, report: Report) -> None:
        for outcome, record in report.refused:
            smaller = self._settler.shrink(outcome, refused=record)
            state = self._assignment.get(outcome.case.record.topic_partition)
            if state is not None:
                state.tracker.replace(outcome, smaller)
