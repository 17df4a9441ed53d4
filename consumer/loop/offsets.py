"""Turns completions in any order into the next offset of a partition that may be committed.

An offset is done when each event of its record has an outcome; what may be committed is the unbroken
run of done offsets at the head, in the order in which they were received. Offsets have gaps (transaction
markers, compaction), so nothing here ever computes one offset from another but the last step:
`next_offset` is one past the last record of that run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class TrackedRecord(Generic[T]):
    """One received record and the outcomes of its events, None where an event has not ended."""

    offset: int
    outcomes: list[T | None]
    pending: int
    size_bytes: int = 0

    @property
    def done(self) -> bool:
        """Whether every event has ended."""
        return self.pending == 0

    def ended(self) -> Iterator[T]:
        """Give the outcomes so far, in order of events."""
        return (outcome for outcome in self.outcomes if outcome is not None)


@dataclass(frozen=True, slots=True)
class Prefix(Generic[T]):
    """A run of done records at a partition's head, and the offset that says so in a commit."""

    epoch: int
    next_offset: int
    records: tuple[TrackedRecord[T], ...]


@dataclass(slots=True)
class OffsetTracker(Generic[T]):
    """Follows one partition during one assignment; one thread.

    Attributes
    ----------
    epoch : int
        Tells this assignment of the partition from earlier and later ones.
    """

    epoch: int
    _ready: deque[TrackedRecord[T]] = field(default_factory=deque)  # done, with nothing unfinished before
    _waiting: deque[TrackedRecord[T]] = field(default_factory=deque)  # begins with an unfinished record
    _by_offset: dict[int, TrackedRecord[T]] = field(default_factory=dict)  # those that wait
    _last_received: int = -1
    _ready_bytes: int = 0

    def receive(self, offset: int, *, n_events: int) -> None:
        """Append a record of `n_events` events; one without events is done at once.

        Raises
        ------
        ValueError
            The offset is not greater than the last one received: the partition went back.
        """
        if offset <= self._last_received:
            raise ValueError(f"offset={offset} received after offset={self._last_received}: not in order")
        self._last_received = offset
        record: TrackedRecord[T] = TrackedRecord(offset, [None] * n_events, pending=n_events)
        self._waiting.append(record)
        self._by_offset[offset] = record
        self._advance()

    def complete(self, offset: int, *, event_index: int, outcome: T, size_bytes: int = 0) -> bool:
        """Note how an event ended; False where it had ended already or is not followed (any more)."""
        record = self._by_offset.get(offset)
        if record is None or record.outcomes[event_index] is not None:
            return False
        record.outcomes[event_index] = outcome
        record.pending -= 1
        record.size_bytes += size_bytes
        self._advance()
        return True

    def _advance(self) -> None:
        while self._waiting and self._waiting[0].done:
            record = self._waiting.popleft()
            del self._by_offset[record.offset]
            self._ready.append(record)
            self._ready_bytes += record.size_bytes

    def prefix(self, *, max_records: int, max_bytes: int) -> Prefix[T] | None:
        """Give what may be committed, from the head on, within limits; None where nothing may.

        The first record is given whatever its size, or it would hold the partition for ever.
        """
        taken: list[TrackedRecord[T]] = []
        size_bytes = 0
        for record in islice(self._ready, max_records):
            size_bytes += record.size_bytes
            if taken and size_bytes > max_bytes:
                break
            taken.append(record)
        if not taken:
            return None
        return Prefix(epoch=self.epoch, next_offset=taken[-1].offset + 1, records=tuple(taken))

    def replace(self, old: T, new: T) -> None:
        """Put another outcome in the place of one that may be committed; nothing where it is gone."""
        for record in self._ready:
            for index, outcome in enumerate(record.outcomes):
                if outcome is old:
                    record.outcomes[index] = new
                    return

    def forget(self, next_offset: int) -> None:
        """Drop every record before `next_offset`, which is committed.

        Unfinished records before it are dropped too: they are covered by a commit whose outcome
        was learnt late, and what completes them later is stale.
        """
        while self._ready and self._ready[0].offset < next_offset:
            self._ready_bytes -= self._ready.popleft().size_bytes
        while self._waiting and self._waiting[0].offset < next_offset:
            del self._by_offset[self._waiting.popleft().offset]
        self._advance()

    @property
    def head(self) -> int | None:
        """The oldest unfinished offset: what holds the commit back."""
        return self._waiting[0].offset if self._waiting else None

    @property
    def ready_records(self) -> int:
        """Records that may be committed."""
        return len(self._ready)

    @property
    def ready_bytes(self) -> int:
        """Bytes of the outcomes that may be committed."""
        return self._ready_bytes

    @property
    def uncommitted(self) -> int:
        """Records received and not committed."""
        return len(self._ready) + len(self._waiting)
