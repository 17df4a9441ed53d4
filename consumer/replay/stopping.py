"""Turns SIGTERM and Ctrl-C into a request to stop, and a second one into the end of the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

OnStop = Callable[[], None]


class StopRequest:
    """Whether a stop was asked for, and who is to be told; made by `stop_on_signals`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._on_stop: OnStop | None = None

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    @property
    def exit_status(self) -> int:
        """What shells expect of a process that a signal ended: 128 and its number."""
        return 128 + (self.signal or 0)

    def tell(self, on_stop: OnStop) -> None:
        """Call `on_stop` when a signal comes, within its handler; at once where one has come."""
        self._on_stop = on_stop
        if self.asked:
            on_stop()

    def note(self, number: int) -> None:
        """Take note of a signal; the second ends the process at once, which is safe: nothing is half done."""
        if self.asked:
            os._exit(128 + number)
        self.signal = number
        if self._on_stop is not None:
            self._on_stop()


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Take SIGTERM and SIGINT for requests to stop while the body runs; on the main thread only."""
    request = StopRequest()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        request.note(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    previous = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
