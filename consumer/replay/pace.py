"""Turns a rate of tracks a second into leave to go on: a token bucket."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

_BURST_SECONDS: Final = 1.0
"""So much of the rate may come at once after a rest; never less than one track."""


class Pace:
    """Gives leave for tracks, at most so many a second on average; one thread.

    Parameters
    ----------
    rate : float or None
        Tracks a second, more than 0; null is no limit.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, rate: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = math.inf if rate is None else rate
        self._clock = clock
        self._burst = max(self._rate * _BURST_SECONDS, 1.0)
        self._tokens = self._burst
        self._filled_at = clock()

    def take(self, tracks: int) -> bool:
        """Take leave for so many tracks, all or none; what a burst does not hold is lent."""
        if self._rate == math.inf or tracks == 0:
            return True
        self._fill()
        if self._tokens < min(tracks, self._burst):
            return False
        self._tokens -= tracks
        return True

    def wait_seconds(self, tracks: int) -> float:
        """Give how long it is until `take` gives leave for so many; 0 where it does now."""
        if self._rate == math.inf or tracks == 0:
            return 0.0
        self._fill()
        return max(min(tracks, self._burst) - self._tokens, 0.0) / self._rate

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
