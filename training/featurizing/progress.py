"""Turns the progress of a run over many files into a bar with a rate on a terminal and lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.progress import ProgressColumn as Column
from rich.text import Text

_LINE_SECONDS: Final = 30.0
"""Between two lines in a pipe: a log of hours stays readable."""


class _Rate(Column):
    """Tracks a second over the last minute or so, as the estimate of the time left has it."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} tracks/s")


class TrackBar:
    """Shows how many tracks are done, how fast and how long the rest takes. A context manager; one thread.

    Parameters
    ----------
    console : Console
        Where to show it.
    clock : callable, optional
        Monotonic seconds.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._n_tracks = self._n_kept = self._n_done = 0
        self._began = self._said = clock()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("featurizing", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since `begin`."""
        return self._clock() - self._began

    def begin(self, n_tracks: int, n_kept: int) -> None:
        """Tell how many tracks there are, and how many an earlier run has done; again for another folder."""
        self._n_tracks, self._n_kept, self._n_done = n_tracks, n_kept, 0
        self._began = self._said = self._clock()
        self._bar.reset(self._task, total=n_tracks - n_kept)
        kept = f", {n_kept} of them done before" if n_kept else ""
        self._say(f"featurizing {n_tracks} tracks{kept}")

    def advance(self) -> None:
        """Tell that one more track has ended."""
        self._n_done += 1
        self._bar.advance(self._task)
        if not self._console.is_terminal and self._clock() - self._said >= _LINE_SECONDS:
            self._said = self._clock()
            rate = self._n_done / self.seconds
            left = (self._n_tracks - self._n_kept - self._n_done) / rate
            done = self._n_kept + self._n_done
            self._say(f"{done} of {self._n_tracks} tracks, {rate:.1f} tracks/s, {left:.0f} s left")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
