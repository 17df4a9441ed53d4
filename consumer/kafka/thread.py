"""Ties a client to the thread that made it."""

from __future__ import annotations

import threading


class OwnerThread:
    """Remembers the thread that made it; `check` raises on any other.

    librdkafka's clients are safe from any thread, but a call waits for another thread's `poll`: for more than
    20 seconds where polls follow each other closely. One thread owns them, and a slip shows at once.
    """

    def __init__(self) -> None:
        self._ident = threading.get_ident()

    def check(self) -> None:
        """Do nothing on the owner's thread.

        Raises
        ------
        RuntimeError
            Called on another thread.
        """
        if threading.get_ident() != self._ident:
            raise RuntimeError(f"Kafka client touched off its thread, by {threading.current_thread().name!r}")
