"""Turns jobs from the Kafka thread into a queue that the pipeline takes from, first come first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from consumer.jobs import Ticket, TopicPartition
from consumer.pipeline.under_way import TrackUnderWay


class WaitingTracks:
    """Tracks that no child has begun. Any thread may call it; no call waits for work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tracks: deque[TrackUnderWay] = deque()

    def __len__(self) -> int:
        return len(self._tracks)

    def add(self, track: TrackUnderWay) -> None:
        """Put a track at the end."""
        with self._lock:
            self._tracks.append(track)

    def take(self) -> TrackUnderWay | None:
        """Remove the first track and give it; None where there is none."""
        with self._lock:
            return self._tracks.popleft() if self._tracks else None

    def put_back(self, track: TrackUnderWay) -> None:
        """Put a track at the front, where it was taken from."""
        with self._lock:
            self._tracks.appendleft(track)

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> list[Ticket]:
        """Remove the tracks of one assignment of a partition, and name them."""

        def is_meant(track: TrackUnderWay) -> bool:
            ticket = track.job.ticket
            return ticket.topic_partition == topic_partition and ticket.epoch == epoch

        return [track.job.ticket for track in self._remove(is_meant)]

    def expire(self, now: float) -> list[TrackUnderWay]:
        """Remove the tracks whose deadline has passed, and give them; `now` in monotonic seconds."""
        return self._remove(lambda track: track.job.deadline <= now)

    def _remove(self, is_meant: Callable[[TrackUnderWay], bool]) -> list[TrackUnderWay]:
        with self._lock:
            removed = [track for track in self._tracks if is_meant(track)]
            if removed:
                self._tracks = deque(track for track in self._tracks if not is_meant(track))
        return removed
