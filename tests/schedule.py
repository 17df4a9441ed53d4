"""Turns the collected tests into an order for several processes that each take a file at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def spread(items: list[pytest.Item]) -> None:
    """Sort files so that those that wait for a broker and those that compute go side by side.

    Quick files come last: they fill what the long ones leave.
    """
    broker = _files(items, where=lambda item: item.get_closest_marker("broker") is not None)
    slow = _files(items, where=lambda item: item.get_closest_marker("slow") is not None)
    slow = [path for path in slow if path not in broker]
    places = {
        path: (index + 0.5) / len(paths) for paths in (broker, slow) for index, path in enumerate(paths)
    }
    items.sort(key=lambda item: places.get(item.path, 1.0))


def _files(items: list[pytest.Item], *, where: Callable[[pytest.Item], bool]) -> list[Path]:
    return list(dict.fromkeys(item.path for item in items if where(item)))


def n_processes() -> int:
    """One more than there are cores: the broker's tests wait more than they compute."""
    return (os.cpu_count() or 1) + 1
