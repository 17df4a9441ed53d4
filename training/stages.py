"""Turns the progress of long work into bars on a terminal and plain lines in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Stages:
    """Shows named stages of known length, one under another. Use it as a context manager, from one thread.

    Parameters
    ----------
    console : Console
        Where to show them; one that is quiet shows nothing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<42}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, name: str, *, n_steps: int) -> Callable[[], None]:
        """Show a stage.

        Parameters
        ----------
        name : str
            What is done.
        n_steps : int
            Number of steps.

        Returns
        -------
        callable
            To be called after each step.
        """
        if not self._console.is_terminal:
            self._console.print(f"{name} ({n_steps} steps)", markup=False, highlight=False)
        task = self._bars.add_task(name, total=n_steps)
        return lambda: self._bars.advance(task)
