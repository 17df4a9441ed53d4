"""Turns tracks as they end into what people read: a table on a terminal, lines in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from consumer.audio_files import shown
from consumer.cli.tables import Row, label_table, plain_line, printable, short_names
from consumer.cli.terminal import is_terminal, print_table, write_line
from consumer.events import TrackLabelled


class Output(Protocol):
    """Where tracks are shown; a context manager, so that what ended before a Ctrl-C is shown too."""

    def name(self, path: Path) -> str:
        """Give what a file is called here."""

    def show(
        self, path: Path, label: TrackLabelled | None, *, problem: str = "", seconds: float | None = None
    ) -> None:
        """Show one track: its label or, where that is null, its problem."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what was kept."""


def output_for(paths: Sequence[Path], *, failures: Callable[[str], None]) -> Output:
    """Choose a table for a terminal, lines for a pipe; `failures` writes the lines of failed tracks."""
    return TableOutput(paths) if is_terminal() else LinesOutput(failures)


class LinesOutput:
    """Writes one line a track, at once."""

    def __init__(self, failures: Callable[[str], None]) -> None:
        self._failures = failures

    def name(self, path: Path) -> str:
        """Give the path as it was named."""
        return printable(shown(path))

    def show(
        self, path: Path, label: TrackLabelled | None, *, problem: str = "", seconds: float | None = None
    ) -> None:
        """Write the line."""
        row = Row(self.name(path), label, problem, seconds)
        (write_line if label is not None else self._failures)(plain_line(row))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class TableOutput:
    """Keeps all tracks and prints a table in the order of the paths."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._names = dict(zip(paths, short_names(paths), strict=True))
        self._rows: dict[Path, Row] = {}

    def name(self, path: Path) -> str:
        """Give the path without what all paths share."""
        return self._names[path]

    def show(
        self, path: Path, label: TrackLabelled | None, *, problem: str = "", seconds: float | None = None
    ) -> None:
        """Keep the row."""
        self._rows[path] = Row(self.name(path), label, problem, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows:
            print_table(label_table([self._rows[path] for path in self._names if path in self._rows]))
