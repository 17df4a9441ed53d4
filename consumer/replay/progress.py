"""Turns the committed offsets of a replay's group into how far it is, over all of its processes."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import structlog

from consumer.jobs import TopicPartition
from consumer.ports import BrokerError
from consumer.replay.plan import Plan

if TYPE_CHECKING:
    from consumer.kafka import CommittedOffset, GroupOffsetsPort

_LOOK_SECONDS: Final = 0.5
_TIMEOUT_SECONDS: Final = 5.0
_RATE_SECONDS: Final = 30.0
"""The rate is that of so long: long enough to smooth flushes, short enough to follow a process that joins."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How far a replay is.

    Attributes
    ----------
    done, total : int
        Offsets of the plan's ranges; gaps and superseded uploads count, as nobody can tell them before.
    rate : float
        Offsets a second lately, of all processes; 0 where that is not known yet.
    finished : bool
        Whether every range is done.
    """

    done: int
    total: int
    rate: float
    finished: bool

    @property
    def left_seconds(self) -> float | None:
        """Seconds until the end at this rate; None where there is none."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def words(self) -> str:
        """Say it in one line."""
        share = self.done / self.total if self.total else 1.0
        left = self.left_seconds
        rest = "" if left is None or self.finished else f", {self.rate:,.1f}/s, {duration(left)} left"
        return f"{self.done:,} of {self.total:,} offsets ({share:.1%}){rest}"


def duration(seconds: float) -> str:
    """Write seconds as people do: `1:02:03`, or `0:07`."""
    whole = math.ceil(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def done_of(plan: Plan, committed: Mapping[TopicPartition, CommittedOffset]) -> tuple[int, bool]:
    """Give how many offsets of the plan's ranges are done, and whether all are."""
    done, finished = 0, True
    for partition, span in plan.ranges.items():
        at = committed[partition].offset if partition in committed else span.start
        done += min(max(at, span.start), span.stop) - span.start
        finished = finished and at >= span.stop
    return done, finished


class ProgressWatch:
    """Looks at a replay's group on a thread of its own; a context manager.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    offsets : GroupOffsetsPort
        Of the replay's group; touched by this watch's thread only.
    on_progress : callable
        Called there with every `ReplayProgress`; the last one where the replay is finished.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        offsets: GroupOffsetsPort,
        on_progress: Callable[[ReplayProgress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._offsets = offsets
        self._on_progress = on_progress
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self.latest: ReplayProgress | None = None

    def __enter__(self) -> Self:
        self._seen.clear()  # what came before, as reading and warming up, is no part of the rate
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def look(self) -> ReplayProgress:
        """Ask once, on the caller's thread; not while the watch runs.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        """
        done, finished = done_of(self._plan, self._offsets.read(timeout_seconds=_TIMEOUT_SECONDS))
        now = self._clock()
        while self._seen and now - self._seen[0][0] > _RATE_SECONDS:
            self._seen.popleft()
        self._seen.append((now, done))
        since, before = self._seen[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        self.latest = ReplayProgress(done, self._plan.total, rate, finished)
        return self.latest

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            try:
                progress = self.look()
            except BrokerError as exc:
                # The Kafka thread decides what a broker's trouble means; this one only looks on.
                _log.warning("progress not known", code=exc.code, error=str(exc))
                continue
            self._on_progress(progress)
            if progress.finished:
                return
