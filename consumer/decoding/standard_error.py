"""Turns what a child writes to its standard output and error into the last words of its track."""

from __future__ import annotations

import os
from typing import Final

_TAIL_BYTES: Final = 4_096
"""Enough for a decoder's complaint or the end of a traceback; a child may write gigabytes."""
_READ_BYTES: Final = 1 << 16
_READS: Final = 16
"""A megabyte at a time, so that one child's chatter does not hold up the others."""


class StandardError:
    """The parent's end of a child's standard output and error.

    Parameters
    ----------
    descriptor : int
        The reading end of a pipe; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._tail = b""

    def fileno(self) -> int:
        """Give the descriptor, for a selector."""
        return self._descriptor

    def drain(self) -> bool:
        """Read what there is, so that the child never blocks on it; False at its end."""
        for _ in range(_READS):
            try:
                part = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return True
            if not part:
                return False
            self._tail = (self._tail + part)[-_TAIL_BYTES:]
        return True

    def take(self) -> str:
        """Give what was written since the last call, its end if it was much, and forget it."""
        self.drain()
        text, self._tail = self._tail.decode(errors="replace").strip(), b""
        return text

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
