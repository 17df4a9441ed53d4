"""Turns a running worker into how its memory goes as tracks pass, looked at once a second."""

from __future__ import annotations

import statistics
import threading
from types import TracebackType
from typing import Any, Final, Self

from consumer.bench.processes import Memory, memory
from consumer.bench.spread import slope

_INTERVAL_SECONDS: Final = 1.0
"""A look at 600 MB takes the kernel some milliseconds."""


class MemoryWatch:
    """Looks at a process and its descendants from a thread of its own, while it is entered.

    It may be entered again and again: one series comes of it.

    Parameters
    ----------
    pid : int
        The process.
    interval_seconds : float
        Between two looks.
    """

    def __init__(self, pid: int, *, interval_seconds: float = _INTERVAL_SECONDS) -> None:
        self._pid = pid
        self._interval_seconds = interval_seconds
        self._tracks = 0
        self._samples: list[tuple[int, Memory]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._look()

    def count(self) -> None:
        """Note that one more track was labelled."""
        self._tracks += 1

    def to_json(self) -> dict[str, Any]:
        """Give peaks, the means of the first and last quarter of the tracks, and the slope between.

        PSS shares pages between the processes that hold them, so that their sum is what the machine gives.
        """
        return summarize(self._samples)

    def _watch(self) -> None:
        self._look()
        while not self._stop.wait(self._interval_seconds):
            self._look()

    def _look(self) -> None:
        found = memory(self._pid)
        if found.pss:
            self._samples.append((self._tracks, found))


def summarize(samples: list[tuple[int, Memory]]) -> dict[str, Any]:
    """Turn samples of tracks labelled so far and memory held then into what is told of them."""
    if not samples:
        return {"n": 0}
    quarter = max(len(samples) // 4, 1)
    pss = [found.pss for _, found in samples]
    return {
        "n": len(samples),
        "tracks": samples[-1][0],
        "peak_pss_bytes": max(pss),
        "peak_rss_bytes": max(found.rss for _, found in samples),
        "first_quartile_pss_bytes": round(statistics.fmean(pss[:quarter])),
        "last_quartile_pss_bytes": round(statistics.fmean(pss[-quarter:])),
        "pss_bytes_per_1000_tracks": round(1_000 * slope([tracks for tracks, _ in samples], pss)),
    }
