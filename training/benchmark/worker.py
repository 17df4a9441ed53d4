"""Turns a cell into a report from another process: the parent's end of one of a benchmark's processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from training.benchmark.cell import Cell
from training.benchmark.data import BenchmarkData
from training.benchmark.process import ONE_THREAD, Failed, Kept, Order, Progress, serve
from training.benchmark.store import CellStore

_END_SECONDS = 5.0
"""How long a process that was told to end may take before it is killed."""


class Worker:
    """Measures one cell at a time in a process of its own, which starts with the first. From one thread.

    Parameters
    ----------
    data : BenchmarkData
        What to fit to.
    store : CellStore
        Where the figures go.

    Attributes
    ----------
    cell : Cell or None
        What it measures now.
    """

    def __init__(self, data: BenchmarkData, store: CellStore) -> None:
        self._data = data
        self._store = store
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self.cell: Cell | None = None

    @property
    def pipe(self) -> Connection:
        """Is readable when there is a report, or when the process has ended."""
        if self._pipe is None:
            raise RuntimeError("the worker has been given nothing")
        return self._pipe

    def give(self, cell: Cell) -> None:
        """Have a cell measured; a process that has ended is replaced by a new one."""
        if self._pipe is None:
            self._start()
        self.cell = cell
        self.pipe.send(Order(cell, self._store.id_of(cell)))

    def report(self) -> Progress | Kept | Failed:
        """Take the next report; blocks until there is one. A process that ended has failed at its cell."""
        try:
            report: Progress | Kept | Failed = self.pipe.recv()
        except (EOFError, OSError):
            report = Failed(f"its process ended by {self._ending()}")
            self.end()
        if not isinstance(report, Progress):
            self.cell = None
        return report

    def end(self) -> None:
        """End the process, whatever it does; nothing follows but `give`."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()
        self._process.terminate()
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None

    def _start(self) -> None:
        # Not a fork: the libraries' own threads do not survive one.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, self._data, self._store), name="benchmark", daemon=True
        )
        with _one_thread():
            self._process.start()
        # The process has the only other end: when it ends, this one is told.
        theirs.close()

    def _ending(self) -> str:
        if self._process is None:
            return "nobody knows what"
        self._process.join()
        status = self._process.exitcode or 0
        if status >= 0:
            return f"exit status {status}"
        return f"signal {-status}" + (", out of memory perhaps" if status == -9 else "")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Set what a new process inherits; here the libraries are loaded and read it no more."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
