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
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn
    from rich.progress import TaskProgressColumn as Share

    columns = (*Progress.get_default_columns()[:2], Share(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(what, total=total)
        yield lambda passed: display.advance(task, passed)
