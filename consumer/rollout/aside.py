"""Turns labelled tracks into calls on a thread that may be late, so that no label waits for an onlooker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog

from consumer.metrics import Metrics
from consumer.pipeline.heard import HeardTrack, Onlooker

_MOST_WINDOWS: Final = 65_536
"""Waiting features: 15 MB of the default set, six thousand songs of 30 seconds."""
_CLOSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Aside:
    """Calls onlookers on a thread of its own; what comes while too much waits is counted and dropped.

    Parameters
    ----------
    onlookers : sequence of callable
        Each is told of every track, in order. What one raises is logged and stops nobody.
    metrics : Metrics
        Counts what was dropped.
    """

    def __init__(self, onlookers: Sequence[Onlooker], *, metrics: Metrics) -> None:
        self._onlookers = tuple(onlookers)
        self._dropped = metrics.models.aside_dropped
        self._waiting: deque[HeardTrack] = deque()
        self._windows = 0
        self._changed = threading.Condition()
        self._closed = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
        self._thread.start()

    def __call__(self, heard: HeardTrack) -> None:
        """Take a track; never blocks for work."""
        windows = len(heard.features)
        with self._changed:
            if self._waiting and self._windows + windows > _MOST_WINDOWS:
                self._dropped.inc()
                return
            self._waiting.append(heard)
            self._windows += windows
            self._changed.notify()

    def close(self) -> None:
        """Forget what waits and end the thread; blocks for the rest of a track."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (heard := self._next()) is not None:
            for onlooker in self._onlookers:
                try:
                    onlooker(heard)
                except Exception:  # noqa: BLE001 - no onlooker may end the thread of the others
                    # The whole trace once: what fails on every track would flood the log.
                    _log.error("onlooker failed", track_id=heard.label.track_id, exc_info=not self._failed)
                    self._failed = True

    def _next(self) -> HeardTrack | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            heard = self._waiting.popleft()
            self._windows -= len(heard.features)
            return heard
