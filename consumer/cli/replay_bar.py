"""Turns how far a replay is into a bar with rate and time left, or into plain lines now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from consumer.cli.terminal import complain
from consumer.replay.progress import ReplayProgress, duration

if TYPE_CHECKING:
    from consumer.replay.running import Onlooker

_PLAIN_INTERVAL_SECONDS: Final = 5.0


@contextmanager
def replay_bar() -> Iterator[Onlooker]:
    """Show on standard error how far a replay is while the body runs."""
    from consumer.replay.running import Onlooker

    if sys.stderr.isatty():
        with _bar() as onlooker:
            yield onlooker
        return
    line = _seldom()
    yield Onlooker(
        on_read=lambda passed, total: line(f"reading: {passed:,} of {total:,} offsets"),
        on_warming=lambda: line("warming up"),
        on_progress=lambda progress: line(f"labelling: {progress.words()}"),
    )


def _seldom() -> Callable[[str], None]:
    due = time.monotonic()

    def line(text: str) -> None:
        nonlocal due
        if time.monotonic() >= due:
            complain(text)
            due = time.monotonic() + _PLAIN_INTERVAL_SECONDS

    return line


@contextmanager
def _bar() -> Iterator[Onlooker]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

    from consumer.replay.running import Onlooker

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[pace]}", markup=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("starting", total=None, pace="")

        def on_read(passed: int, total: int) -> None:
            display.update(task, description="reading", completed=passed, total=total, pace="")

        def on_warming() -> None:
            display.update(task, description="warming up", completed=0, total=None, pace="")

        def on_progress(progress: ReplayProgress) -> None:
            left = progress.left_seconds
            pace = "" if left is None else f"{progress.rate:,.1f}/s, {duration(left)} left"
            display.update(
                task, description="labelling", completed=progress.done, total=progress.total, pace=pace
            )

        yield Onlooker(on_read, on_warming, on_progress)
