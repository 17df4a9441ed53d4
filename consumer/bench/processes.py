"""Turns a process and all its descendants into the CPU time that they used and the memory that they hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumer.errors import SettingsError

_PROC: Final = Path("/proc")
_PARENT, _UTIME, _CUTIME, _CSTIME = 1, 11, 13, 14
"""Fields of `/proc/<pid>/stat` after the name: the parent, then in a row user and system time in ticks, the
process's own and that of the children it has waited for."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes hold, in bytes.

    `pss` counts a page that several share once, split between them, and so may be summed; the sum of `rss`
    counts it once a process.
    """

    pss: int
    rss: int


def usable_cores() -> tuple[int, ...]:
    """Give the numbers of the cores that this process may run on.

    Raises
    ------
    SettingsError
        This is not Linux, where alone all this can be measured.
    """
    if not sys.platform.startswith("linux"):
        raise SettingsError("this benchmark needs Linux: it reads CPU time and memory from /proc")
    return tuple(sorted(os.sched_getaffinity(0)))


def tree(root: int, *, proc: Path = _PROC) -> list[int]:
    """Give the ids of a process and its living descendants; empty where it is gone."""
    parents = {
        int(entry.name): int(fields[_PARENT])
        for entry in proc.iterdir()
        if entry.name.isdecimal() and (fields := _stat(entry))
    }
    if root not in parents:
        return []
    found = [root]
    for pid in found:  # grows while it is walked: children, then theirs
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def cpu_seconds(root: int, *, proc: Path = _PROC) -> float:
    """Give the CPU time, user and system, that a process and all its descendants have used so far.

    Those that died count through the ancestor that waited for them. The kernel counts in ticks of 10 ms a
    process, usually.
    """
    ticks = 0
    for pid in tree(root, proc=proc):
        fields = _stat(proc / str(pid))
        if fields:
            ticks += sum(int(field) for field in fields[_UTIME : _CSTIME + 1])
    return ticks / os.sysconf("SC_CLK_TCK")


def own_cpu_seconds(pid: int, *, proc: Path = _PROC) -> float:
    """Give the CPU time, user and system, that a process itself has used so far; 0 where it is gone."""
    fields = _stat(proc / str(pid))
    return sum(int(field) for field in fields[_UTIME:_CUTIME]) / os.sysconf("SC_CLK_TCK")


def memory(root: int, *, proc: Path = _PROC) -> Memory:
    """Give what a process and its living descendants hold."""
    pss = rss = 0
    for pid in tree(root, proc=proc):
        found = _rollup(_lines(proc / str(pid) / "smaps_rollup"))
        pss += found.get("Pss", 0)
        rss += found.get("Rss", 0)
    return Memory(pss=pss, rss=rss)


def _stat(folder: Path) -> list[str]:
    lines = _lines(folder / "stat")
    # The name stands in parentheses and may hold any character, these included.
    return lines[0].rpartition(")")[2].split() if lines else []


def _rollup(lines: Iterable[str]) -> dict[str, int]:
    sizes = {}
    for line in lines:
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            sizes[name] = int(rest.split()[0]) * 1024
    return sizes


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # it has just ended, or is not ours to look at
        return []
