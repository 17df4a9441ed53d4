"""Turns one child's silence, growth and death into what they mean for the track that it holds."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.decoding.child import Setup
from consumer.decoding.messages import GarbledError, ParentEnd, Release, Shared, Task
from consumer.decoding.shared_windows import SharedWindows, create
from consumer.decoding.standard_error import StandardError
from consumer.errors import (
    ConsumerError,
    DecoderCrashedError,
    DecoderHungError,
    DecoderOutOfMemoryError,
    FetchTimeoutError,
)

_FETCH_GRACE_SECONDS: Final = 5.0
"""A fetch ends itself at its own limit and says why; a child that does not even do that is killed."""
_START_SECONDS: Final = 300.0
"""Importing and warming up take seconds; compiling kernels on a busy machine may take a minute."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATM_BYTES: Final = 256  # seven numbers


@dataclass(frozen=True, slots=True)
class Limits:
    """What a track may take of its child: seconds of work after the fetch, and bytes of memory."""

    timeout_seconds: float
    max_memory_bytes: int


class Decoder:
    """The parent's handle of one decoding child; owned by the pool's thread.

    Parameters
    ----------
    setup : Setup
        What the child is told first.
    limits : Limits
        What a track may take of it.
    now : float
        Monotonic seconds, as all times here.

    Attributes
    ----------
    pid : int or None
        Null until the fork server has answered.
    ready : bool
        It has warmed up.
    task : Task or None
        What it works on.
    verdict : ConsumerError or None
        Why it must die, or was told to.
    start_error : Exception or None
        What kept it from starting.
    """

    def __init__(self, setup: Setup, *, limits: Limits, now: float) -> None:
        self._limits = limits
        parent_link, child_link = socket.socketpair()
        error_read, error_write = os.pipe()
        self._theirs = [child_link.detach(), error_write]
        self.link = ParentEnd(parent_link)
        self.stderr = StandardError(error_read)
        self._shared: SharedWindows | None = None
        if setup.slabs is not None:
            memory = create(setup.slabs)
            self._theirs.append(memory)
            self._shared = SharedWindows(memory, shape=setup.slabs)
        self.link.send(setup)
        self.pid: int | None = None
        self.ready = False
        self.task: Task | None = None
        self.verdict: ConsumerError | None = None
        self.start_error: Exception | None = None
        self.born = now
        self._fetching = False
        self._expires = now + _START_SECONDS
        self._deadline = inf
        self._resident_at_rest = 0
        self._slabs_out: set[int] = set()
        self._blocked_since: float | None = None
        self._statm: int | None = None

    @property
    def idle(self) -> bool:
        """Whether it can take a task now."""
        return self.ready and self.task is None and self.verdict is None

    @property
    def descriptors(self) -> list[int]:
        """The child's ends, for the fork request."""
        return self._theirs

    def requested(self) -> None:
        """Note that the child's ends are on their way to it: close ours, so that its death shows."""
        while self._theirs:
            os.close(self._theirs.pop())

    def became_ready(self) -> None:
        """Note that it has warmed up."""
        self.ready = True
        self._expires = inf
        self._resident_at_rest = self._resident_bytes()

    def assign(self, task: Task, *, deadline: float, now: float) -> None:
        """Give it a task that must end by `deadline`.

        Raises
        ------
        OSError
            The child is gone, and never saw the task; its death will be reported.
        """
        try:
            self.link.send(task)
        except OSError:
            self.ready = False
            raise
        self.task = task
        self._deadline = deadline
        self._fetching = True
        self._expires = now + task.fetch_seconds + _FETCH_GRACE_SECONDS

    def fetched(self, now: float) -> None:
        """Note that the fetch has ended: from here the decoder's own time limit runs."""
        self._fetching = False
        self._expires = min(now + self._limits.timeout_seconds, self._deadline)

    def ended(self) -> None:
        """Note that its task has ended."""
        self.task = None
        self._expires = inf

    def accept(self, shared: Shared, *, now: float) -> NDArray[np.float32]:
        """Take a slab that it filled; when all are out the child waits for us, and its time stands still.

        Raises
        ------
        GarbledError
            It cannot have filled that.
        """
        if self._shared is None or shared.slab in self._slabs_out:
            raise GarbledError(f"an impossible slab: {shared}")
        try:
            windows = self._shared.view(shared.slab, count=shared.count)
        except ValueError as exc:
            raise GarbledError(f"an impossible slab: {exc}") from exc
        self._slabs_out.add(shared.slab)
        if len(self._slabs_out) == self._shared.shape.slabs:
            self._blocked_since = now
        return windows

    def release(self, slab: int, *, now: float) -> None:
        """Give a slab back to the child.

        Raises
        ------
        OSError
            The child is gone.
        """
        self._slabs_out.discard(slab)
        if self._blocked_since is not None:
            self._expires = min(self._expires + now - self._blocked_since, max(self._deadline, now))
            self._blocked_since = None
        self.link.send(Release(slab))

    def judge(self, now: float) -> bool:
        """Give whether the child must be killed now: it takes too long, or too much memory."""
        if self.verdict is not None or (self.ready and self.task is None):
            return False
        grown = self._resident_bytes() - self._resident_at_rest if self.ready else 0
        if grown > self._limits.max_memory_bytes:
            self.verdict = DecoderOutOfMemoryError(
                f"the decoder grew by {grown >> 20} MiB and was killed: "
                f"max_memory_bytes={self._limits.max_memory_bytes}"
            )
        elif now >= self._expires and self._blocked_since is None:
            self.verdict = self._late()
        return self.verdict is not None

    def epitaph(self, exit_status: int | None) -> Exception:
        """Say why it died; reads its last words. `exit_status` is null where its server died too."""
        if self.verdict is not None:
            return self.verdict
        if self.start_error is not None:
            return self.start_error
        last_words = self.stderr.take()
        said = f"; it last wrote: {last_words[-500:]}" if last_words else ""
        return DecoderCrashedError(f"the decoder died: {_cause(exit_status)}{said}")

    def close(self) -> None:
        """Close the descriptors."""
        self.requested()
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None
        self.link.close()
        self.stderr.close()

    def _late(self) -> ConsumerError:
        if not self.ready:
            return DecoderHungError(f"a decoder did not warm up within {_START_SECONDS:g} s and was killed")
        if self._fetching:
            return FetchTimeoutError("the fetch did not end within its time limit and was killed")
        return DecoderHungError(
            "the decoder made no end of the track and was killed: it took longer than "
            f"timeout_seconds={self._limits.timeout_seconds:g} or than the track's deadline"
        )

    def _resident_bytes(self) -> int:
        if sys.platform != "linux" or self.pid is None:
            return 0
        try:
            # Kept open: it is read 20 times a second, and opening it takes many times as long.
            if self._statm is None:
                self._statm = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
            fields = os.pread(self._statm, _STATM_BYTES, 0).split()
        except OSError:  # it has just died
            return 0
        return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else 0


def _cause(exit_status: int | None) -> str:
    if exit_status is None:
        return "with the server that had forked it"
    if exit_status >= 0:
        return f"exit status {exit_status}"
    if -exit_status == signal.SIGKILL:
        return "SIGKILL (the kernel's out-of-memory killer?)"
    try:
        return signal.Signals(-exit_status).name
    except ValueError:  # real-time signals have no names
        return f"signal {-exit_status}"
