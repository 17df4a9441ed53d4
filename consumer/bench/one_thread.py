"""Turns this process into one whose libraries use one thread, by starting its program again."""

from __future__ import annotations

import os
import sys
from typing import Final

ONE_THREAD: Final = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ),
    "1",
)
"""Libraries read these once, when they are loaded."""


def restart_with_one_thread() -> None:
    """Replace this process by the same command under the limits; return where they hold already.

    Nothing may be under way: no child, no thread, no open resource. Call it before a library is loaded that
    reads the limits.
    """
    if all(os.environ.get(name) == value for name, value in ONE_THREAD.items()):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, os.environ | ONE_THREAD)  # noqa: S606 - our own command line


def without_limits(environment: dict[str, str]) -> dict[str, str]:
    """Give an environment without the limits: a worker is measured as its users start it."""
    return {name: value for name, value in environment.items() if name not in ONE_THREAD}
