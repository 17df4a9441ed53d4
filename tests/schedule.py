"""Turns the collected tests into work for several processes, a file a piece, what takes longest first."""

from __future__ import annotations

import os
from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

BROKER: Final = "the broker's tests"
"""One piece of work: they share a broker, which takes 10 s of CPU time to start, and mostly wait."""
OWN_BROKER: Final = ("test_local_kafka.py", "test_readme.py")
"""Files of tests/broker whose tests start brokers themselves."""


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives each process a file's tests at a time, and all tests that share the broker to one."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of(nodeid)


def piece_of(nodeid: str) -> str:
    """Give the piece of work that a test belongs to."""
    file = nodeid.partition("::")[0]
    shares_broker = file.startswith("tests/broker/") and not file.endswith(OWN_BROKER)
    return BROKER if shares_broker else file


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests so that the broker's and the slow files' come first, and quick ones fill what is left."""
    slow = {piece_of(item.nodeid) for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> tuple[bool, bool, bool]:
        piece = piece_of(item.nodeid)
        return piece != BROKER, item.get_closest_marker("broker") is None, piece not in slow

    items.sort(key=rank)


def n_processes() -> int:
    """One more than there are cores, as one waits for the broker most of the time."""
    return (os.cpu_count() or 1) + 1
