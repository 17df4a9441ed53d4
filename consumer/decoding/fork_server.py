"""Turns requests on a socket into forked children and their deaths into reports: a process that only forks.

Why not the standard library's fork server: its children hold the descriptor that keeps it alive, so a child
that hangs survives a killed parent for ever, and each child runs the parent's main script again (librdkafka
and all). Here the parent alone holds the control socket: when it dies, by whatever death, this process reads
the end of file, kills the children and exits. Should this process be killed, the kernel kills the children
(`PR_SET_PDEATHSIG`).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

FORK: Final = b"F"
KILL: Final = b"K"
FORKED: Final = b"f"
EXITED: Final = b"x"
_RECORD: Final = struct.Struct("!cii")
"""A request or report: what, process id, exit status (as `os.waitstatus_to_exitcode` gives it)."""
_MAX_FDS: Final = 8
_CLOSE_SECONDS: Final = 0.5
_PR_SET_PDEATHSIG: Final = 1

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Children are one a core; and a process with threads of its own must not fork."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a child: `exit_status` is null at its birth, minus the signal where one killed it."""

    pid: int
    exit_status: int | None


class ForkServer:
    """The parent's handle of a fork server; one thread at a time.

    Parameters
    ----------
    child : str
        What a child runs, as `module:function`; it is called with the descriptors of its request.
    preload : sequence of str
        Modules that the server imports before it forks, and functions `module:function` that it calls;
        children share what they made and start in milliseconds. No thread may be left behind.
    """

    def __init__(self, child: str, *, preload: Sequence[str] = ()) -> None:
        self._control, theirs = socket.socketpair()
        self._pending = b""
        program = "import sys; from consumer.decoding.fork_server import serve; serve(*sys.argv[1:])"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program, str(theirs.fileno()), child, *preload],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | _ONE_THREAD | {"PYTHONPATH": _import_path()},
            )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def fileno(self) -> int:
        """Give the descriptor on which reports arrive, for a selector."""
        return self._control.fileno()

    def fork(self, descriptors: Sequence[int]) -> None:
        """Ask for a child with these descriptors; its report follows, in the order of the requests.

        Raises
        ------
        OSError
            The server is gone.
        """
        socket.send_fds(self._control, [_RECORD.pack(FORK, 0, 0)], list(descriptors))

    def kill(self, pid: int) -> None:
        """Kill a child; done by the server, which knows that the id is still its child's."""
        with suppress(OSError):
            self._control.sendall(_RECORD.pack(KILL, pid, 0))

    def reports(self) -> list[Report]:
        """Give the reports that have arrived; never blocks.

        Raises
        ------
        EOFError
            The server is gone, and the kernel has killed its children.
        """
        with suppress(BlockingIOError):
            part = self._control.recv(1 << 16, socket.MSG_DONTWAIT)
            if not part:
                raise EOFError("the fork server died")
            self._pending += part
        whole = len(self._pending) - len(self._pending) % _RECORD.size
        records, self._pending = self._pending[:whole], self._pending[whole:]
        return [
            Report(pid, None if what == FORKED else status)
            for what, pid, status in _RECORD.iter_unpack(records)
        ]

    def close(self) -> None:
        """Have the server kill all children and exit; waits for it, which takes milliseconds."""
        self._control.close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:  # stuck in an import, before it forked any child
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """End a server that has been asked for no child, whatever it is loading; does not wait for that."""
        self._process.kill()
        self.close()


def _import_path() -> str:
    # An empty entry means the working folder, which `-P` would keep out.
    return os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere the link's end must do)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the call
        os._exit(1)


def serve(control_fd: str, child: str, *preload: str) -> NoReturn:
    """Run the fork server until the parent's end of the control socket closes."""
    # A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group: the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Of 137,000 objects that loading leaves 1,400 are garbage: looking for it took a seventh of the time.
    gc.disable()
    with _ending_with_parent(int(control_fd)):
        for name in preload:
            # What fails here is tried again by the child, which can say so to the parent.
            with suppress(Exception):
                module, _, function = name.partition(":")
                loaded = importlib.import_module(module)
                if function:
                    getattr(loaded, function)()
    module, _, function = child.partition(":")
    run: Callable[[Sequence[int]], None] = getattr(importlib.import_module(module), function)
    # What is there now stays: no child's collection shall walk it, and copy the pages that they share.
    gc.freeze()
    gc.enable()
    _Server(socket.socket(fileno=int(control_fd)), run).loop()


@contextmanager
def _ending_with_parent(control_fd: int) -> Iterator[None]:
    """End this process when the parent's end of the socket closes while the body runs.

    The body may take minutes, where another process compiles and this one waits for it.
    """
    done_read, done_write = os.pipe()

    def watch() -> None:
        poll = select.poll()
        poll.register(control_fd, select.POLLRDHUP)  # not the requests, which may come already
        poll.register(done_read, select.POLLHUP)
        if any(descriptor == control_fd for descriptor, _ in poll.poll()):
            os._exit(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        os.close(done_write)
        watcher.join()  # a process with threads must not fork
        os.close(done_read)


class _Server:
    def __init__(self, control: socket.socket, run: Callable[[Sequence[int]], None]) -> None:
        self._control = control
        self._run = run
        self._children: set[int] = set()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def loop(self) -> NoReturn:
        while True:
            control = self._control.fileno()
            readable, _, _ = select.select([control, self._wake_read], [], [])
            if self._wake_read in readable:
                os.read(self._wake_read, 4_096)
            self._reap()
            if control in readable:
                self._answer()

    def _answer(self) -> None:
        request, descriptors, _, _ = socket.recv_fds(self._control, _RECORD.size, _MAX_FDS)
        if not request:
            self._exit()
        what, pid, _ = _RECORD.unpack(request)
        if what == KILL and pid in self._children:
            os.kill(pid, signal.SIGKILL)
        elif what == FORK:
            self._fork(descriptors)

    def _fork(self, descriptors: Sequence[int]) -> None:
        server_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(server_pid, descriptors)
        self._children.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        self._tell(FORKED, pid, 0)

    def _become_child(self, server_pid: int, descriptors: Sequence[int]) -> NoReturn:
        try:
            die_with(server_pid)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._run(descriptors)
            os._exit(0)
        except SystemExit as exc:
            # Within this block, where `exc` still holds the frames and their sockets: a parent that saw the
            # link end first would kill what is ending, and report that instead of the status.
            os._exit(exc.code & 0xFF if isinstance(exc.code, int) else 1)
        except BaseException:  # noqa: BLE001 - nothing may unwind into the server's own frames
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            self._tell(EXITED, pid, os.waitstatus_to_exitcode(status))

    def _tell(self, what: bytes, pid: int, status: int) -> None:
        try:
            self._control.sendall(_RECORD.pack(what, pid, status))
        except OSError:
            self._exit()

    def _exit(self) -> NoReturn:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)
        os._exit(0)
