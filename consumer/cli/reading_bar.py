"""Turns how much of a topic was read into a bar on a terminal, and into nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def reading_bar(what: str, *, total: int) -> Iterator[Callable[[int], None]]:
    """Show on standard error, while the body runs, how many of `total` offsets were passed.

    Gives what is told how many more they are.
    """
    with reading_bar_of(what) as (on_total, on_read):
        on_total(total)
        yield on_read


@contextmanager
def reading_bar_of(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Show the same where the total is known only later; gives what is told it, and what is told of more."""
    if not sys.stderr.isatty():
        yield (lambda _: None), (lambda _: None)
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn
    from rich.progress import TaskProgressColumn as Share

    columns = (*Progress.get_default_columns()[:2], Share(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(what, total=None)
        yield (
            lambda total: display.update(task, total=total),
            lambda passed: display.advance(task, passed),
        )
