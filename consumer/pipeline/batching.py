"""Turns entries that arrive one by one into batches, by size or wait."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    item: T
    windows: int
    arrived: float


class Batcher(Generic[T]):
    """Collects entries until a batch is due: it is full, or its oldest entry has waited long enough.

    Parameters
    ----------
    max_windows : int
        A batch holds no more windows than this, but always one entry, however large.
    max_wait_seconds : float
        No entry waits longer for company.
    """

    def __init__(self, *, max_windows: int, max_wait_seconds: float) -> None:
        self._max_windows = max_windows
        self._max_wait_seconds = max_wait_seconds
        self._entries: deque[_Entry[T]] = deque()
        self._windows = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, item: T, *, windows: int, now: float) -> None:
        """Add an entry of so many windows; `now` in monotonic seconds, as everywhere here."""
        self._entries.append(_Entry(item, windows, now))
        self._windows += windows

    def due_at(self) -> float:
        """Give when the next batch is due: minus infinity where it is full, infinity where there is none."""
        if not self._entries:
            return inf
        if self._windows >= self._max_windows:
            return -inf
        return self._entries[0].arrived + self._max_wait_seconds

    def take(self) -> list[T]:
        """Remove the next batch, the oldest entries first, and give it; empty where there is none."""
        batch: list[T] = []
        windows = 0
        while self._entries and (not batch or windows + self._entries[0].windows <= self._max_windows):
            entry = self._entries.popleft()
            batch.append(entry.item)
            windows += entry.windows
        self._windows -= windows
        return batch
