"""Makes a child process die with the process that started it, however that one dies."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def death_wish() -> Callable[[], None] | None:
    """Give the `preexec_fn` that has the kernel kill the child with its parent; None where it cannot.

    "Parent" is the thread that starts the child: it must live as long as the child shall (prctl(2)).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded here: nothing may be imported after the fork
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
