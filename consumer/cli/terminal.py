"""Turns progress and results into what a person sees: bars on a terminal, plain lines in a pipe."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from rich.table import Table

_PLAIN_INTERVAL_SECONDS: Final = 5.0
"""A pipe gets a line of progress this often at most: enough for a log, not enough to drown one."""


class Progress(Protocol):
    """Counts what is done."""

    def advance(self, what: str) -> None:
        """Count one more as done; `what` says which."""


def is_terminal() -> bool:
    """Say whether a person reads standard output."""
    return sys.stdout.isatty()


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object as one line, at once: a reader at the end of a pipe follows along."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def write_line(text: str) -> None:
    """Write one plain line to standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write one line to standard error, above a progress bar where there is one."""
    # Not through typer, which writes past the bar.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def progress(total: int, *, verb: str, lines_follow: bool) -> Iterator[Progress]:
    """Show on standard error how far the work is, while the body runs.

    Parameters
    ----------
    total : int
        What there is to do.
    verb : str
        What is being done: `labelling`.
    lines_follow : bool
        Standard output gets a line for each that is done: no bar then where both are the same terminal.
    """
    if not sys.stderr.isatty():
        yield _PlainProgress(total, verb=verb)
    elif lines_follow and sys.stdout.isatty():
        yield _NoProgress()
    else:
        with _bar(total, verb=verb) as bar:
            yield bar


class _NoProgress:
    def advance(self, what: str) -> None:
        pass


class _PlainProgress:
    def __init__(self, total: int, *, verb: str) -> None:
        self._total, self._verb, self._done = total, verb, 0
        self._next = time.monotonic() + _PLAIN_INTERVAL_SECONDS

    def advance(self, what: str) -> None:
        self._done += 1
        if time.monotonic() >= self._next:
            complain(f"{self._verb}: {self._done} of {self._total}, last {what}")
            self._next = time.monotonic() + _PLAIN_INTERVAL_SECONDS


@contextmanager
def _bar(total: int, *, verb: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}", markup=True),
    )
    with RichProgress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as display:
        task = display.add_task(verb, total=total, what="")

        class _Bar:
            def advance(self, what: str) -> None:
                display.update(task, advance=1, what=escape(what))

        yield _Bar()


def print_table(table: Table) -> None:
    """Write a table to standard output, as wide as the terminal."""
    from rich.console import Console

    Console().print(table)
