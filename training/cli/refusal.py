"""Turns what is wrong with a command's input into one clear line and an exit status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from training.errors import TrainingError


@contextmanager
def one_line_for_bad_input(console: Console) -> Iterator[None]:
    """Print a `TrainingError` as one line and end with status 1."""
    try:
        yield
    except TrainingError as exc:
        console.print(f"error: {exc}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(code=1) from exc
