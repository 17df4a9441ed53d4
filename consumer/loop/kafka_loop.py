"""Turns records into committed outcomes: polls, dispatches, collects, flushes, and survives rebalances.

One thread, the Kafka thread, runs all of it and is the only one to touch the consumer and the producer.
The engine labels tracks beside it and answers through one queue, in any order. A turn is `KafkaLoop.step`;
its parts are `dispatch` (credits, deadlines), `offsets` (the prefix), `flushing` (when), `transactional` and
`at_least_once` (how).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from consumer.clock import SYSTEM_CLOCK, Clock
from consumer.config import Delivery as DeliverySetting
from consumer.config import Settings
from consumer.errors import BrokerUnavailableError, OffsetsLostError
from consumer.jobs import Engine, InputRecord
from consumer.loop.accounting import Accountant, OutcomeListener
from consumer.loop.at_least_once import AtLeastOnceDelivery
from consumer.loop.backpressure import Backpressure
from consumer.loop.collecting import Collector
from consumer.loop.delivery import SLICE_SECONDS, is_member, raise_if_unauthorized
from consumer.loop.dispatch import Dispatcher
from consumer.loop.flushing import Flusher
from consumer.loop.intake import Intake, RecordReader
from consumer.loop.one_thread import on_one_thread
from consumer.loop.outcomes import Settler
from consumer.loop.partitions import Assignment, PartitionState
from consumer.loop.snapshot import LoopSnapshot, hide, show, snapshot_partitions
from consumer.loop.transactional import TransactionalDelivery
from consumer.metrics import Metrics
from consumer.ports import BrokerError, ConsumerPort, Partitions, ProducerPort, RebalanceListener

_BUSY_POLL_SECONDS: Final = 0.01
"""A completion waits for at most this long a track under way: among others it may wait for the flush interval
all the same. Never 0, which arms the client's own check of the interval between polls."""
_FULL_POLL_SECONDS: Final = 0.05
"""Longest wait while work is under way: a turn takes tenths of a millisecond, and a record ends it early."""
_IDLE_POLL_SECONDS: Final = 0.25
"""How late a stop that is asked for may be noticed."""
_WAIT_SECONDS: Final = 0.005
_SHOW_SECONDS: Final = 1.0
"""Partitions, lag and membership are looked at this often; `polled_at` is fresh after every turn."""
_FLUSH_SECONDS: Final = 10.0
_FLUSH_SHARE: Final = 0.1
"""A flush gives up for now after this share of the poll interval: in it nobody polls."""
_REVOKE_SECONDS: Final = 10.0
_REVOKE_SHARE: Final = 0.2
_LAST_FLUSH_SECONDS: Final = 5.0
"""Floor for the flush before partitions or the process go."""
_OFFSETS_LOST_CODES: Final = frozenset(("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"))

_log = structlog.get_logger(__name__)


class KafkaLoop:
    """The consumer of uploads and retries and the producer of labels, retries and dead letters.

    Parameters
    ----------
    settings : Settings
        The tree.
    consumer : ConsumerPort
        Not yet subscribed; closed by `run`.
    new_producer : Callable[[], ProducerPort]
        Builds a producer, the same each time; called again where one was fenced.
    engine : Engine
        Labels tracks; closed by its owner.
    metrics : Metrics
        Where the loop counts.
    clock : Clock
        Time; moved by hand in simulations.
    reader : RecordReader, optional
        Reads the records; by the topics' adapters where null.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        consumer: ConsumerPort,
        new_producer: Callable[[], ProducerPort],
        engine: Engine,
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
        reader: RecordReader | None = None,
    ) -> None:
        self._settings = settings
        self._consumer = on_one_thread(consumer)
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._assignment = Assignment()
        settler = Settler(settings, clock=clock.monotonic, wall_clock=clock.wall)
        limits = settings.worker
        self._dispatcher = Dispatcher(engine, assignment=self._assignment, settings=limits, clock=clock)
        self._collector = Collector(
            engine, dispatcher=self._dispatcher, assignment=self._assignment, settler=settler, metrics=metrics
        )
        self._backpressure = Backpressure(self._consumer, assignment=self._assignment, settings=limits)
        self._intake = Intake(settings.topics, settler=settler, clock=clock, reader=reader)
        exactly_once = settings.kafka.delivery is DeliverySetting.EXACTLY_ONCE
        self._delivery = (TransactionalDelivery if exactly_once else AtLeastOnceDelivery)(
            lambda: on_one_thread(new_producer()), consumer=self._consumer, clock=clock
        )
        self._accountant = Accountant(metrics, clock=clock)
        self._flusher = Flusher(
            self._delivery,
            assignment=self._assignment,
            settler=settler,
            accountant=self._accountant,
            settings=limits,
            clock=clock,
        )
        interval = settings.kafka.max_poll_interval_seconds
        self._flush_seconds = min(_FLUSH_SECONDS, _FLUSH_SHARE * interval)
        self._revoke_seconds = min(_REVOKE_SECONDS, _REVOKE_SHARE * interval)
        self._failure: BaseException | None = None
        self._stop_requests = 0
        self._stop_by: float | None = None
        self._polled_nothing = False
        self._shown_at = clock.monotonic() - _SHOW_SECONDS
        self._polled_at = clock.monotonic()
        self._snapshot = LoopSnapshot(self._polled_at)
        metrics.poll_age_seconds.set_function(lambda: clock.monotonic() - self._polled_at)

    def listen(self, listener: OutcomeListener) -> None:
        """Let `listener` hear of each committed outcome too; before `run`."""
        self._accountant.listener = listener

    @property
    def snapshot(self) -> LoopSnapshot:
        """The loop's state as of its last turn; any thread may read it."""
        return replace(self._snapshot, polled_at=self._polled_at, stopping=self._stop_requests > 0)

    def request_stop(self) -> None:
        """Ask for a drain and an orderly end; a second time, for an end at once, which is safe.

        May be called from a signal handler or another thread.
        """
        self._stop_requests += 1

    def run(self) -> None:
        """Turn until a stop is asked for; blocks. The thread that calls it is the Kafka thread.

        Raises
        ------
        FatalError
            The worker cannot go on; also what else `consumer.errors` maps to FATAL. The track or the
            flush that met it is not committed.
        """
        try:
            self.start()
            while self.step():
                pass
        except BrokerError as exc:
            self._failure = exc
            raise BrokerUnavailableError(f"the Kafka client gave up: code={exc.code}: {exc}") from exc
        except BaseException as exc:
            self._failure = exc
            raise
        finally:
            if self._stop_requests < 2:
                self.close()

    def start(self) -> None:
        """Join the group."""
        listener = RebalanceListener(self._on_assign, self._on_revoke, self._on_lost)
        self._consumer.subscribe(self._settings.topics.inputs, listener=listener)

    def close(self) -> None:
        """Leave the group, then let the producer go; heartbeats stop here, so all is flushed before."""
        self._consumer.close()
        self._delivery.close()

    def step(self) -> bool:
        """Make one turn; False once everything is drained after a stop, or at once after two."""
        if self._failure is not None:
            raise self._failure
        self._collector.collect()
        if self._stop_requests and self._drained():
            return False
        self._flush_if_due()
        if not self._stop_requests:
            self._dispatcher.dispatch()
        self._backpressure.balance()
        record = self._poll()
        self._polled_nothing = record is None
        state = self._assignment.get(record.topic_partition) if record else None
        if record and state and not self._stop_requests:  # else it is never committed, and read again
            self._intake.receive(state, record)
        self._publish()
        return True

    def _poll(self) -> InputRecord | None:
        try:
            return self._consumer.poll(self._poll_seconds())
        except BrokerError as exc:
            self._metrics.kafka_errors.labels(exc.code).inc()
            raise_if_unauthorized(exc)
            if exc.code in _OFFSETS_LOST_CODES:
                raise OffsetsLostError(
                    f"committed offsets of group={self._settings.kafka.group!r} are not in the topic any "
                    f"more: {exc}: decide where to go on with kafka-consumer-groups --reset-offsets"
                ) from exc
            if not exc.retriable:
                raise
            _log.warning("poll failed, trying again", code=exc.code, error=str(exc))
            return None

    def _poll_seconds(self) -> float:
        in_flight = self._assignment.in_flight
        if in_flight or self._flusher.unflushed or self._flusher.pending:
            return min(_BUSY_POLL_SECONDS * max(in_flight, 1), _FULL_POLL_SECONDS)
        due = self._dispatcher.next_due()
        if due is None:
            return _IDLE_POLL_SECONDS
        return min(_IDLE_POLL_SECONDS, max(_BUSY_POLL_SECONDS, due - self._clock.monotonic()))

    def _flush_if_due(self) -> None:
        now = self._clock.monotonic()
        if self._flusher.pending:
            self._flusher.flush(deadline=now + SLICE_SECONDS)
        elif self._flusher.due(idle=self._polled_nothing and not self._assignment.in_flight):
            self._flusher.flush(deadline=now + self._flush_seconds)

    def _drained(self) -> bool:
        if self._stop_requests > 1:
            return True
        now = self._clock.monotonic()
        if self._stop_by is None:
            _log.info("stopping", in_flight=self._assignment.in_flight)
            self._stop_by = now + self._settings.worker.drain_seconds
            self._backpressure.hold_all()
            self._dispatcher.cancel(list(self._assignment))
        if self._assignment.in_flight and now < self._stop_by:
            return False
        self._flusher.flush_all(deadline=max(self._stop_by, now + _LAST_FLUSH_SECONDS))
        return True

    def _on_assign(self, partitions: Partitions) -> None:
        self._metrics.rebalances.labels("assigned").inc()
        self._assignment.add(partitions)
        self._backpressure.reapply(partitions)
        self._shown_at = -math.inf  # ready or not: who asks shall hear it after this turn
        _log.info("partitions assigned", partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _on_revoke(self, partitions: Partitions) -> None:
        self._metrics.rebalances.labels("revoked").inc()
        try:
            if self._failure is None and self._stop_requests < 2:
                self._finish(self._assignment.select(partitions))
        except Exception as exc:  # noqa: BLE001 - the partitions go all the same; the next turn raises it
            _log.error("could not finish revoked partitions", error=str(exc))
            self._failure = exc
        finally:
            self._let_go(partitions)
        _log.info("partitions revoked", partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _finish(self, states: list[PartitionState]) -> None:
        """Give started tracks a little time, then commit what is done while the partitions are ours."""
        self._dispatcher.cancel(states)
        now = self._clock.monotonic()
        wait_by = min(now + self._revoke_seconds, math.inf if self._stop_by is None else self._stop_by)
        self._collector.collect()
        while any(state.running for state in states) and self._clock.monotonic() < wait_by:
            self._clock.sleep(_WAIT_SECONDS)
            self._collector.collect()
        self._flusher.flush_all(deadline=self._clock.monotonic() + _LAST_FLUSH_SECONDS)

    def _on_lost(self, partitions: Partitions) -> None:
        """Commit and produce nothing: someone else may own them already."""
        self._metrics.rebalances.labels("lost").inc()
        for state in self._assignment.select(partitions):
            self._engine.cancel(state.topic_partition, epoch=state.epoch)
        self._let_go(partitions)
        _log.warning("partitions lost", partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _let_go(self, partitions: Partitions) -> None:
        self._delivery.drop(partitions)
        self._assignment.drop(partitions)
        hide(self._metrics, partitions)
        self._shown_at = -math.inf

    def _publish(self) -> None:
        now = self._polled_at = self._clock.monotonic()
        if now - self._shown_at < _SHOW_SECONDS:
            return
        self._shown_at = now
        self._snapshot = LoopSnapshot(
            polled_at=now,
            joined=is_member(self._consumer.group_metadata()),
            partitions=snapshot_partitions(self._assignment, now=now),
        )
        show(self._metrics, self._snapshot, lag=self._consumer.lag())
