"""Turns itself into another command, on chosen cores and bound to die with who started it.

Run as `python -m consumer.bench.pinned CORES PARENT COMMAND...`, where CORES are numbers joined by commas, or
`all`. A process of its own rather than a function between fork and exec: the process that starts it has
threads, and between the two only the simplest calls are safe then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from consumer.decoding.fork_server import die_with


def pinned(command: Sequence[str], *, cores: Sequence[int] | None) -> list[str]:
    """Give the command line that runs a command on these cores, on all where null, while we live."""
    where = "all" if cores is None else ",".join(map(str, cores))
    return [sys.executable, "-m", "consumer.bench.pinned", where, str(os.getpid()), *command]


def main(arguments: Sequence[str]) -> NoReturn:
    """Pin this process and become the command."""
    cores, parent, *command = arguments
    die_with(int(parent))
    if cores != "all":
        os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    os.execv(command[0], command)  # noqa: S606 - a command line of our own


if __name__ == "__main__":
    main(sys.argv[1:])
