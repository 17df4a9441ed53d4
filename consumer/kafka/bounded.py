"""Gives a blocking call a time limit that it does not keep by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable

from consumer.ports import BrokerError


def call_within(seconds: float, *, call: Callable[[], object], doing: str) -> None:
    """Run `call` on a thread of its own and wait for it, at most so long.

    A call that does not return is left behind for good, with its thread: the client it belongs to must not be
    used again.

    Raises
    ------
    BrokerError
        `code="_TIMED_OUT"`, fatal: the limit passed. What `call` raises is raised as it is.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as exc:  # noqa: BLE001 - raised again on the caller's thread
            raised.append(exc)

    thread = threading.Thread(target=run, name=doing, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise BrokerError(f"{doing}: no answer within {seconds:.1f} s", code="_TIMED_OUT", fatal=True)
    if raised:
        raise raised[0]
