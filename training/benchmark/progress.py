"""Turns what a run tells into a bar on a terminal and plain lines in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from training.benchmark.cell import Cell


class FitBar:
    """Shows how many fits are done and which ones run. Use it as a context manager, from one thread.

    Parameters
    ----------
    console : Console
        Where to show them.

    Attributes
    ----------
    n_done, n_found : int
        Fits that are done, and those among them that an earlier run had done.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("fits"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=0)
        self._running: dict[str, tuple[float, float]] = {}
        self._n_planned = 0
        self.n_done = self.n_found = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def planned(self, change: int) -> None:
        """Take in that so many fits more (or fewer) are to be done."""
        self._n_planned += change
        self._bar.update(self._task, total=self._n_planned)

    def began(self, cell: Cell) -> None:
        """Show a fit that has begun."""
        self._running[cell.name] = time.monotonic(), 0.0
        self._show()

    def progressed(self, cell: Cell, share: float) -> None:
        """Show what share of a fit is done."""
        began, _ = self._running[cell.name]
        self._running[cell.name] = began, share
        self._show()

    def ended(self, cell: Cell, *, failed: str | None) -> None:
        """Count a fit that is done, and say so of one that was fitted now."""
        self.n_done += 1
        began, _ = self._running.pop(cell.name, (None, 0.0))
        self.n_found += began is None
        self._bar.advance(self._task)
        self._show()
        if failed is not None:
            self.say(f"failed: {cell.name}: {failed}")
        elif began is not None and not self._console.is_terminal:
            self.say(f"{self.n_done}/{self._n_planned} {cell.name}: {time.monotonic() - began:.1f} s")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        running = [
            f"{name} {share:.0%}" if share else name for name, (_, share) in sorted(self._running.items())
        ]
        self._bar.update(self._task, description=" · ".join(running))
