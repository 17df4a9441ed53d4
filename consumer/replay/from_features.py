"""Turns a replay's ranges of the feature log into new labels, exactly once, whoever else takes part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from consumer.clock import SYSTEM_CLOCK, Clock
from consumer.config import Settings
from consumer.jobs import TopicPartition
from consumer.kafka import BatchMember, GroupOffsets, KafkaProducer, RecordBatch
from consumer.loop.delivery import SLICE_SECONDS, Batch, Progress, Report
from consumer.loop.offsets import Prefix, TrackedRecord
from consumer.loop.outcomes import Outcome
from consumer.loop.transactional import TransactionalDelivery
from consumer.pipeline.scoring import ScorerPort
from consumer.ports import BrokerError
from consumer.replay.feature_labels import FeatureLabeller
from consumer.replay.newest import Chosen
from consumer.replay.newest_features import newest_features
from consumer.replay.pace import Pace
from consumer.replay.plan import Plan
from consumer.replay.plan_reading import Reading
from consumer.replay.rare_collections import rare_collections
from consumer.replay.selection import places_of
from featurizer.spec import GTZAN57

_BATCH_RECORDS: Final = 1_000
"""A transaction costs three round trips, some 10 ms: little beside the tenth of a second that these take."""
_BATCH_BYTES: Final = 32 * 1024 * 1024
_POLL_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 1.0  # between two looks at how far the others are, once nothing is left to do here
_READ_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told how far this process is.

    Attributes
    ----------
    on_read : callable
        Called with the records passed since the last call while each track's newest is looked for.
    on_progress : callable
        Called after each commit with what became of this process's records so far, as `FeatureLabeller`
        counts them, and how many were `superseded`.
    """

    on_read: Callable[[int], None] = lambda _: None
    on_progress: Callable[[Counter[str]], None] = lambda _: None


_log = structlog.get_logger(__name__)


class FeatureReplay:
    """One process's part in a replay from the feature log; `run` blocks its thread.

    Parameters
    ----------
    settings : Settings
        As `consumer.replay.plan.member_settings` gives them: the replay's group and this process's
        transactional.id.
    plan : Plan
        What is to be done.
    scorer : ScorerPort
        The plan's model.
    rate : float, optional
        Most tracks a second.
    clock : Clock
        Time.
    listeners : Listeners
        Told of the progress.
    should_stop : callable
        Asked between batches.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        scorer: ScorerPort,
        *,
        rate: float | None = None,
        clock: Clock = SYSTEM_CLOCK,
        listeners: Listeners | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._labeller = FeatureLabeller(
            scorer, settings=settings, spec=GTZAN57, replay_id=plan.replay_id, clock=clock
        )
        self._pace = Pace(rate, clock=clock.monotonic)
        # No batch waits for longer than a second, in which nobody polls.
        self._batch_records = _BATCH_RECORDS if rate is None else max(1, min(_BATCH_RECORDS, int(rate)))
        self._clock = clock
        self._listeners = listeners or Listeners()
        self._should_stop = should_stop
        self._places = places_of(plan.ranges)
        self._chosen: Chosen | None = None
        self._finished: set[TopicPartition] = set()
        self._counts: Counter[str] = Counter()

    @rare_collections()
    def run(self) -> Counter[str]:
        """Work until every range is done, by whomever, or a stop is asked for; give what became of what.

        Raises
        ------
        BrokerError
            The broker refuses us.
        FatalError, ModelError
            The work cannot go on.
        """
        if self._plan.terms.newest:
            self._chosen = newest_features(self._settings.kafka, self._plan.ranges, on_read=self._on_read)
            if self._chosen is None:
                return self._counts
        member = BatchMember(self._settings.kafka)
        delivery = TransactionalDelivery(self._new_producer, consumer=member, clock=self._clock)
        try:
            member.subscribe(self._plan.topics)
            self._work(member, delivery)
        finally:
            delivery.close()
            member.close()
        return self._counts

    def _new_producer(self) -> KafkaProducer:
        return KafkaProducer(self._settings.kafka, topics=self._settings.topics, notes=self._plan.notes)

    def _on_read(self, records: int) -> bool:
        self._listeners.on_read(records)
        return not self._should_stop()

    def _work(self, member: BatchMember, delivery: TransactionalDelivery) -> None:
        offsets = GroupOffsets(self._settings.kafka)
        look_at = self._clock.monotonic()
        while not self._should_stop():
            if delivery.pending:
                delivery.deliver(None, deadline=self._deadline())
            batch = self._poll(member)
            if batch.records or batch.ends:
                self._serve(self._read(batch), member, delivery)
            elif self._clock.monotonic() >= look_at and not self._unfinished(member):
                if self._all_done(offsets):
                    return
                look_at = self._clock.monotonic() + _LOOK_SECONDS

    def _poll(self, member: BatchMember) -> RecordBatch:
        try:
            batch = member.poll_batch(
                max_records=self._batch_records, max_bytes=_BATCH_BYTES, timeout_seconds=_POLL_SECONDS
            )
        except BrokerError as exc:
            if not exc.retriable:
                raise
            _log.warning("poll failed, trying again", code=exc.code, error=str(exc))
            self._clock.sleep(_PAUSE_SECONDS)
            return RecordBatch()
        self._finished &= member.assigned
        member.rest(sorted({record.topic_partition for record in batch.records} & self._finished))
        return batch

    def _read(self, batch: RecordBatch) -> Reading:
        reading = Reading()
        for record in batch.records:
            partition, offset = record.topic_partition, record.offset
            stop = self._stop_of(partition)
            if partition in self._finished or partition in reading.finished:
                continue
            if stop is None:
                self._finished.add(partition)
                continue
            reading.firsts.setdefault(partition, offset)
            reading.nexts[partition] = min(offset + 1, stop)
            if offset + 1 >= stop:
                reading.finished.add(partition)
            if offset < stop:
                reading.wanted.append(record)
        if self._chosen is not None:
            reading.leave_superseded(self._chosen, places=self._places)
        for partition, end in batch.ends.items():
            stop = self._stop_of(partition)
            if partition not in self._finished and stop is not None and end >= stop:
                reading.firsts.setdefault(partition, stop)
                reading.nexts[partition] = stop
                reading.finished.add(partition)
        return reading

    def _serve(self, reading: Reading, member: BatchMember, delivery: TransactionalDelivery) -> None:
        """Label a batch and commit it, or let go of it so that it is read again."""
        if not reading.nexts:
            return
        self._wait_for_pace(len(reading.wanted))
        outcomes, counts = self._labeller.label(reading.wanted)
        if not self._commit(reading, outcomes, delivery):
            member.rewind(reading.firsts)
            self._clock.sleep(_PAUSE_SECONDS)
            return
        self._finished |= reading.finished
        member.rest(sorted(reading.finished))
        self._counts += counts
        self._counts["superseded"] += reading.superseded
        self._listeners.on_progress(self._counts)

    def _commit(self, reading: Reading, outcomes: list[Outcome], delivery: TransactionalDelivery) -> bool:
        """Commit until it is known how that ended; nobody polls meanwhile."""
        while True:
            report = delivery.deliver(_batch_of(reading, outcomes), deadline=self._deadline())
            while report is not None and report.progress is Progress.PENDING:
                report = delivery.deliver(None, deadline=self._deadline())
            if report is None:
                return False
            if report.progress is Progress.COMMITTED:
                return True
            if report.progress is Progress.FENCED and _is_covered(report):
                return True
            if not report.refused:
                code = report.error.code if report.error else None
                _log.warning("batch not committed", result=report.progress.value, code=code)
                return False
            smaller = {
                id(refusal.outcome): self._labeller.shrink(refusal.outcome) for refusal in report.refused
            }
            outcomes = [smaller.get(id(outcome), outcome) for outcome in outcomes]

    def _wait_for_pace(self, tracks: int) -> None:
        while not self._pace.take(tracks) and not self._should_stop():
            self._clock.sleep(min(self._pace.wait_seconds(tracks), _PAUSE_SECONDS))

    def _unfinished(self, member: BatchMember) -> bool:
        return any(partition not in self._finished for partition in member.assigned)

    def _all_done(self, offsets: GroupOffsets) -> bool:
        try:
            committed = offsets.read(timeout_seconds=_READ_SECONDS)
        except BrokerError as exc:
            if not exc.retriable:
                raise
            return False
        return all(
            partition in committed and committed[partition].offset >= span.stop
            for partition, span in self._plan.ranges.items()
        )

    def _stop_of(self, partition: TopicPartition) -> int | None:
        """Give where a range ends; None for a partition that was added since the plan was made."""
        span = self._plan.ranges.get(partition)
        return None if span is None else span.stop

    def _deadline(self) -> float:
        return self._clock.monotonic() + SLICE_SECONDS


def _batch_of(reading: Reading, outcomes: list[Outcome]) -> Batch:
    by_partition: dict[TopicPartition, list[Outcome | None]] = {partition: [] for partition in reading.nexts}
    for outcome in outcomes:
        by_partition[outcome.case.record.topic_partition].append(outcome)
    return Batch(
        {
            partition: Prefix(0, next_offset, (TrackedRecord(next_offset - 1, by_partition[partition], 0),))
            for partition, next_offset in reading.nexts.items()
        }
    )


def _is_covered(report: Report) -> bool:
    wanted = report.batch.next_offsets
    return all(report.covered.get(partition, -1) >= offset for partition, offset in wanted.items())
