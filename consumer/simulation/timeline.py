"""Turns a virtual clock and what is planned for its moments into a sequence of events."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from consumer.clock import Clock

EPOCH_SECONDS = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where virtual wall time begins


class Timeline:
    """Virtual time that moves only when somebody waits; what is planned happens on the way."""

    def __init__(self) -> None:
        self.now = 0.0
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()  # plans for the same moment happen in the order in which they were made

    def plan(self, delay_seconds: float, action: Callable[[], None]) -> None:
        """Have `action` happen after a while."""
        heapq.heappush(self._plans, (self.now + delay_seconds, next(self._order), action))

    def advance(self, seconds: float) -> None:
        """Move time, and do what was planned for the moments passed."""
        until = self.now + seconds
        while self._plans and self._plans[0][0] <= until:
            moment, _, action = heapq.heappop(self._plans)
            self.now = max(self.now, moment)
            action()
        self.now = max(self.now, until)

    def until_next(self, at_most: float) -> float:
        """Seconds to the next planned moment, or `at_most`."""
        if not self._plans:
            return at_most
        return min(at_most, max(0.0, self._plans[0][0] - self.now))

    def clock(self, sleep: Callable[[float], None]) -> Clock:
        """Give a clock on this time line whose `sleep` is the caller's."""
        return Clock(monotonic=lambda: self.now, wall=lambda: EPOCH_SECONDS + self.now, sleep=sleep)
