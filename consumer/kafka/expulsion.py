"""Tells from the times between polls whether the group has expelled us while we still hold its partitions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from typing import Final

from consumer.jobs import TopicPartition

_WORD_COMES_SECONDS: Final = 1.0  # the library checks the interval about twice a second


class Expulsion:
    """Suspects that partitions are ours no more; one thread.

    A member that does not poll within `max.poll.interval.ms` leaves the group, and joins it anew as soon as
    it polls. Under KIP-848 its generation is valid again a moment before the old partitions are revoked:
    offsets sent in between would pass the broker's check although another member owns the partitions now.

    Parameters
    ----------
    max_poll_interval_seconds : float
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, max_poll_interval_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_seconds = max_poll_interval_seconds
        self._clock = clock
        self._polled_at = clock()
        self._suspects: set[TopicPartition] = set()
        self._until = -math.inf

    @property
    def is_suspected(self) -> bool:
        """Whether partitions that are still held may belong to another member."""
        return bool(self._suspects) and self._clock() < self._until

    def before_poll(self, assigned: Collection[TopicPartition]) -> None:
        """Suspect all that is assigned where the interval was exceeded, until word of it must have come."""
        now = self._clock()
        if now - self._polled_at > self._interval_seconds:
            self._suspects.update(assigned)
            self._until = max(self._until, now + _WORD_COMES_SECONDS)

    def after_poll(self) -> None:
        """Remember when the last poll ended."""
        self._polled_at = self._clock()

    def confirm(self, assigned: Collection[TopicPartition]) -> None:
        """Take the library's word that we left: until each partition was revoked."""
        self._suspects.update(assigned)
        self._until = math.inf

    def settle(self, given_up: Collection[TopicPartition]) -> None:
        """Forget partitions that we hold no more."""
        self._suspects.difference_update(given_up)
        if not self._suspects:
            self._until = -math.inf
