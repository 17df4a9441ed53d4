"""Turns waiting tracks into the engine's jobs as credits and due times allow, fairly over partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from consumer.clock import Clock
from consumer.config import WorkerSettings
from consumer.errors import TrackDeadlineError
from consumer.jobs import Completion, Engine, Ticket, TopicPartition, TrackJob
from consumer.loop.partitions import Assignment, PartitionState, Running


class Dispatcher:
    """Hands tracks to the engine and takes them back; Kafka thread only.

    Parameters
    ----------
    engine : Engine
        Does the work.
    assignment : Assignment
        Where tracks wait and are noted as running.
    settings : WorkerSettings
        Credits and the deadline of a track.
    clock : Clock
        Time.
    """

    def __init__(
        self, engine: Engine, *, assignment: Assignment, settings: WorkerSettings, clock: Clock
    ) -> None:
        self._engine = engine
        self._assignment = assignment
        self._settings = settings
        self._clock = clock
        self._served_last: TopicPartition | None = None

    def dispatch(self) -> None:
        """Start what may start: one track of each partition in turn, until credits or tracks run out."""
        free = self._settings.max_in_flight - self._assignment.in_flight
        if free <= 0:
            return
        now = self._clock.monotonic()
        turn = self._in_turn()
        while free and turn:
            state = turn.popleft()
            if not self._may_start(state, now):
                continue
            self._start(state, now)
            free -= 1
            turn.append(state)

    def _in_turn(self) -> deque[PartitionState]:
        turn = deque(state for state in self._assignment if state.backlog)
        for place, state in enumerate(turn):
            if state.topic_partition == self._served_last:
                turn.rotate(-place - 1)
                break
        return turn

    def _may_start(self, state: PartitionState, now: float) -> bool:
        if not state.backlog or len(state.running) >= self._settings.max_in_flight_per_partition:
            return False
        return state.backlog[0].due <= now

    def _start(self, state: PartitionState, now: float) -> None:
        waiting = state.take()
        deadline = now + self._settings.track_deadline_seconds
        state.running[waiting.ticket] = Running(waiting.case, dispatched_at=now, deadline=deadline)
        self._served_last = state.topic_partition
        attempt = waiting.case.provenance.attempt
        self._engine.submit(TrackJob(waiting.ticket, waiting.upload.event, deadline, attempt))

    def overdue(self) -> list[Completion]:
        """Give a completion for each track past its deadline, so that its offset is not held for ever."""
        now = self._clock.monotonic()
        return [
            Completion(ticket, TrackDeadlineError(_deadline_message(self._settings)))
            for state in self._assignment
            for ticket in _past_deadline(state, now)
        ]

    def cancel(self, states: list[PartitionState]) -> None:
        """Take back what has not started; it is not committed, so another worker will get it."""
        for state in states:
            state.backlog.clear()
            state.backlog_bytes = 0
            for ticket in self._engine.cancel(state.topic_partition, epoch=state.epoch):
                state.running.pop(ticket, None)

    def next_due(self) -> float | None:
        """Monotonic seconds at which the next head of a backlog is due; None where none waits for time."""
        now = self._clock.monotonic()
        due = [state.backlog[0].due for state in self._assignment if state.backlog]
        return min((moment for moment in due if moment > now), default=None)


def _past_deadline(state: PartitionState, now: float) -> Iterator[Ticket]:
    for ticket, running in state.running.items():
        if running.deadline > now:
            return  # in order of deadlines
        yield ticket


def _deadline_message(settings: WorkerSettings) -> str:
    return f"the track did not end within track_deadline_seconds={settings.track_deadline_seconds:g}"
