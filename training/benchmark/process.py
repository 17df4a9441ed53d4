"""Turns cells that arrive through a pipe into files: what runs in each of a benchmark's processes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from training.benchmark.cell import Cell, Drawer, measure_cell
from training.benchmark.data import BenchmarkData
from training.benchmark.store import CellStore

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
"""What makes the libraries of a process compute on one core; read when they are loaded."""

_PROGRESS_SECONDS = 0.5
"""Least time between two reports of one fit's progress."""


@dataclass(frozen=True, slots=True)
class Order:
    """A cell to measure, and the name to keep it under."""

    cell: Cell
    name: str


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of the cell in hand is done, in [0, 1]."""

    share: float


@dataclass(frozen=True, slots=True)
class Kept:
    """The cell is measured and its file written."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The cell's fit failed; one line says why."""

    why: str


def serve(pipe: Connection, data: BenchmarkData, store: CellStore) -> None:
    """Measure one cell after another until the pipe closes.

    Parameters
    ----------
    pipe : Connection
        Gives orders; takes `Progress`, then `Kept` or `Failed`, for each.
    data : BenchmarkData
        What to fit to.
    store : CellStore
        Where the figures go.
    """
    # Ctrl-C reaches the whole group: the parent ends its processes itself, and says how to resume.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    drawer = Drawer(data)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            order: Order = pipe.recv()
            pipe.send(_measure(order, drawer, store=store, on_progress=_reporting(pipe)))


def _measure(
    order: Order, drawer: Drawer, *, store: CellStore, on_progress: Callable[[float], None]
) -> Kept | Failed:
    try:
        measured, graph = measure_cell(order.cell, drawer, on_progress=on_progress)
        store.write(order.name, measured, graph=graph)
    except Exception as exc:  # noqa: BLE001 - one model that fails, however it does, must not end the others
        with contextlib.suppress(OSError):
            store.failure_path(order.name).write_text(traceback.format_exc(), encoding="utf-8")
        lines = str(exc).strip().splitlines() or ["no message"]
        return Failed(f"{type(exc).__name__}: {lines[0]}")
    return Kept()


def _reporting(pipe: Connection) -> Callable[[float], None]:
    last = time.monotonic()

    def report(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            pipe.send(Progress(min(max(share, 0.0), 1.0)))

    return report


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        # A fit may go on for minutes in native code: nobody is left to read it.
        os._exit(1)
