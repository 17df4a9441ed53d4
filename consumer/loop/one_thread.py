"""Turns an object into one that answers to a single thread: the first that calls it.

Every call of the consumer waits for another thread's `poll` inside the client library, and a producer's
transaction knows no threads: one call from elsewhere starves or corrupts the loop. The check costs less
than a microsecond and is always on.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _OneThread:
    def __init__(self, target: object) -> None:
        self._target = target
        self._owner: int | None = None

    def __getattr__(self, name: str) -> Any:
        caller = get_ident()
        if self._owner is None:
            self._owner = caller
        if self._owner != caller:
            kind = type(self._target).__name__
            raise RuntimeError(f"{kind}.{name} was called off the Kafka thread: use the loop's outcomes")
        return getattr(self._target, name)


def on_one_thread(target: T) -> T:
    """Give a stand-in for `target` that raises `RuntimeError` where a second thread touches it."""
    return cast("T", _OneThread(target))
