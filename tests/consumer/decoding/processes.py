"""Turns process ids into what the kernel says of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def alive(pids: Iterable[int]) -> list[int]:
    """Give those that still run; a zombie does not."""
    return [pid for pid in pids if _state(pid) not in ("", "Z", "X")]


def n_threads(pid: int) -> int:
    """Count the threads of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def eventually(condition: Callable[[], bool], *, seconds: float = 20.0) -> bool:
    """Poll a condition until it holds or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
