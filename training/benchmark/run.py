"""Turns a plan into measured rows: fits in several processes, finds what is there, survives what fails."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Protocol

import numpy as np

from training.benchmark.cell import Cell, Measured
from training.benchmark.data import BenchmarkData
from training.benchmark.plan import Plan, Row
from training.benchmark.process import Failed, Progress
from training.benchmark.store import CellStore
from training.benchmark.worker import Worker


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """A row with what its fits gave.

    Attributes
    ----------
    row : Row
        The model and the protocol.
    fits : tuple of Measured
        One a seed, from seed 0 on; empty where nothing could be computed.
    is_drawn : bool
        Whether a further seed gives another model. Where it does not, two fits stand for all.
    why : str or None
        Why there is no figure.
    failed : bool
        Whether that is a fault: a fit that failed, not a protocol that cannot be computed.
    """

    row: Row
    fits: tuple[Measured, ...]
    is_drawn: bool = True
    why: str | None = None
    failed: bool = False

    def of_seed(self, seed: int) -> Measured | None:
        """Return what the fit of a seed gave, or would have given; None where it is not known."""
        if seed < len(self.fits):
            return self.fits[seed]
        return self.fits[-1] if self.fits and not self.is_drawn else None


class Watch(Protocol):
    """Is told how a run goes on, from the thread that runs it."""

    def planned(self, change: int) -> None:
        """Take in that so many fits more (or fewer) are to be done."""
        ...

    def began(self, cell: Cell) -> None:
        """Take in that a fit has begun."""
        ...

    def progressed(self, cell: Cell, share: float) -> None:
        """Take in what share of a fit is done, in [0, 1]."""
        ...

    def ended(self, cell: Cell, *, failed: str | None) -> None:
        """Take in that a fit is done, in this run or an earlier one, or why it failed."""
        ...


@dataclass(slots=True)
class _Fits:
    """What is known of one row."""

    row: Row
    by_seed: dict[int, Measured] = field(default_factory=dict)
    is_drawn: bool = True
    failure: str | None = None
    n_ahead: int = 0
    """Fits that were announced and are not yet begun."""

    def measured(self) -> MeasuredRow:
        why = self.failure or self.row.reason
        fits = () if why is not None else tuple(self.by_seed[seed] for seed in sorted(self.by_seed))
        return MeasuredRow(self.row, fits, self.is_drawn, why, self.failure is not None)


@dataclass(slots=True)
class _Schedule:
    """Which fit is next. Every row's first seed comes before any second."""

    plan: Plan
    store: CellStore
    watch: Watch
    rows: list[_Fits] = field(default_factory=list)
    queue: list[tuple[int, float, int]] = field(default_factory=list)

    def start(self) -> None:
        self.rows = [_Fits(row) for row in self.plan.rows]
        computable = [index for index, fits in enumerate(self.rows) if fits.row.reason is None]
        for index in computable:
            self.announce(index, self.plan.seeds_of(self.rows[index].row))
        self.queue = [(0, 0.0, index) for index in computable]

    def announce(self, index: int, change: int) -> None:
        self.rows[index].n_ahead += change
        self.watch.planned(change)

    def next(self) -> tuple[int, Cell] | None:
        """Take the next cell that has to be fitted; what is there from an earlier run is taken in."""
        while self.queue:
            seed, _, index = heapq.heappop(self.queue)
            self.rows[index].n_ahead -= 1
            cell = self.rows[index].row.cell(seed)
            measured = self.store.read(cell)
            if measured is None:
                return index, cell
            self.take(index, cell, measured)
        return None

    def take(self, index: int, cell: Cell, measured: Measured) -> None:
        fits = self.rows[index]
        fits.by_seed[cell.seed] = measured
        self.watch.ended(cell, failed=None)
        if fits.failure is not None:
            return
        first = fits.by_seed[0]
        n_seeds = self.plan.seeds_of(fits.row, train_seconds=first.train_seconds)
        if cell.seed == 0:
            self.announce(index, n_seeds - self.plan.seeds_of(fits.row))
            # Whether the model draws anything at all is seen by the second fit.
            following = range(1, n_seeds if cell.protocol.is_drawn else min(2, n_seeds))
        elif cell.seed == 1 and not cell.protocol.is_drawn:
            fits.is_drawn = not np.array_equal(first.probabilities, measured.probabilities)
            following = range(2, n_seeds)
            if not fits.is_drawn:
                self.announce(index, -len(following))
                following = range(0)
        else:
            following = range(0)
        for seed in following:
            # Within a seed the slow first, so that no process waits long for another at the end.
            heapq.heappush(self.queue, (seed, -first.train_seconds, index))

    def fail(self, index: int, cell: Cell, why: str) -> None:
        fits = self.rows[index]
        self.announce(index, -fits.n_ahead)
        self.queue = [entry for entry in self.queue if entry[2] != index]
        heapq.heapify(self.queue)
        if fits.failure is None or cell.seed == 0:
            fits.failure = f"the fit of seed {cell.seed} failed: {why}"
        self.watch.ended(cell, failed=why)


def measure_rows(
    plan: Plan, data: BenchmarkData, *, store: CellStore, n_processes: int, watch: Watch
) -> tuple[MeasuredRow, ...]:
    """Measure every row of a plan.

    What an earlier run has kept is taken; the rest is fitted in processes of one thread each. A row whose fit
    fails, or ends its process, has no figure and a reason; the others go on. The order in which fits end does
    not change what is returned.

    Parameters
    ----------
    plan : Plan
        What to measure.
    data : BenchmarkData
        On what.
    store : CellStore
        Where fits are kept and found.
    n_processes : int
        At least 1.
    watch : Watch
        Is told how it goes on.
    """
    schedule = _Schedule(plan, store, watch)
    schedule.start()
    workers = [Worker(data, store) for _ in range(n_processes)]
    place: dict[Worker, int] = {}
    try:
        while True:
            for worker in workers:
                if worker.cell is None and (chosen := schedule.next()) is not None:
                    place[worker], cell = chosen
                    worker.give(cell)
                    watch.began(cell)
            busy = {worker.pipe: worker for worker in workers if worker.cell is not None}
            if not busy:
                return tuple(fits.measured() for fits in schedule.rows)
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # typeshed: wait may give sockets and integers too
                _hear(worker, schedule=schedule, index=place[worker])
    finally:
        for worker in workers:
            worker.end()


def _hear(worker: Worker, *, schedule: _Schedule, index: int) -> None:
    cell = worker.cell
    if cell is None:
        raise RuntimeError("a worker reports that was given nothing")
    report = worker.report()
    if isinstance(report, Progress):
        schedule.watch.progressed(cell, report.share)
    elif isinstance(report, Failed):
        schedule.fail(index, cell, report.why)
    elif (measured := schedule.store.read(cell)) is not None:
        schedule.take(index, cell, measured)
    else:
        schedule.fail(index, cell, "its file was written and cannot be read again")
