"""Turns the engine's completions, and the clock's, into the outcomes of the tracks that still run."""

from __future__ import annotations

from dataclasses import replace
from queue import Empty

from consumer.errors import Disposition, disposition
from consumer.jobs import Completion, Engine
from consumer.loop.dispatch import Dispatcher
from consumer.loop.outcomes import Settler
from consumer.loop.partitions import Assignment
from consumer.metrics import Metrics


class Collector:
    """Takes each track back once; Kafka thread only.

    Parameters
    ----------
    engine : Engine
        Whose queue is drained.
    dispatcher : Dispatcher
        Knows the deadlines.
    assignment : Assignment
        Where the tracks run.
    settler : Settler
        Makes the outcomes.
    metrics : Metrics
        Counts what came too late.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        dispatcher: Dispatcher,
        assignment: Assignment,
        settler: Settler,
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._assignment = assignment
        self._settler = settler
        self._metrics = metrics

    def collect(self) -> None:
        """Take the engine's completions, then end what has passed its deadline; never blocks.

        Raises
        ------
        BaseException
            What stopped the engine, or a completion whose exception is FATAL: its track is not committed.
        """
        self._engine.check()
        while True:
            try:
                completion = self._engine.completions.get_nowait()
            except Empty:
                break
            self._end(completion)
        for completion in self._dispatcher.overdue():
            self._end(completion)

    def _end(self, completion: Completion) -> None:
        result, ticket = completion.result, completion.ticket
        if isinstance(result, BaseException) and disposition(result) is Disposition.FATAL:
            raise result
        state = self._assignment.get(ticket.topic_partition, epoch=ticket.epoch)
        running = state.running.pop(ticket, None) if state else None
        if state is None or running is None:
            self._metrics.stale_completions.inc()
            return
        outcome = self._settler.settle(running.case, result, features=completion.features)
        state.end(ticket, replace(outcome, dispatched_at=running.dispatched_at))
