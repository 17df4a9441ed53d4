"""Turns labels into what people read: a table on a terminal, one line a track in a pipe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.audio_files import shown
from consumer.events import TrackLabelled
from consumer.label import error_to_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_TOP = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One track's line.

    Attributes
    ----------
    name : str
        What the track is called here.
    label : TrackLabelled or None
        How it ended; None where it failed.
    problem : str
        Why it failed, as `reason: message`.
    seconds : float or None
        From upload to label, where that was timed.
    """

    name: str
    label: TrackLabelled | None
    problem: str = ""
    seconds: float | None = None


def printable(text: str) -> str:
    """Replace what would move a terminal's cursor or change its colours."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def short_names(paths: Sequence[Path]) -> list[str]:
    """Give the files' names where they differ, else their paths without the folders that all share."""
    if len({path.name for path in paths}) == len(paths):
        return [printable(shown(Path(path.name))) for path in paths]
    absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - links stay as they are named
    shared = os.path.commonpath([path.parent for path in absolute]) if absolute else ""
    return [printable(shown(path.relative_to(shared))) for path in absolute]


def top_genres(label: TrackLabelled) -> str:
    """Write the most probable genres with their probabilities."""
    return ", ".join(f"{entry.genre} {percent(entry.probability)}" for entry in label.genres[:_TOP])


def percent(ratio: float) -> str:
    """Write a ratio as a percentage without decimals."""
    return f"{100 * ratio:.0f}%"


def problem_of(error: BaseException) -> str:
    """Write why a track failed, in one line."""
    described = error_to_json(error)
    return f"{described['reason']}: {described['message']}"


def plain_line(row: Row) -> str:
    """Write one track as one line."""
    if row.label is None:
        return f"{row.name}: {printable(row.problem)}"
    label = row.label
    verdict = label.genre or f"abstained ({label.abstain_reason})"
    seconds = "" if row.seconds is None else f" after {row.seconds:.2f} s"
    return f"{row.name}: {verdict} {percent(label.confidence)} ({top_genres(label)}){_notes(label)}{seconds}"


def label_table(rows: Sequence[Row]) -> Table:
    """Lay tracks out as a table; the seconds' column is there where a row has them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    timed = any(row.seconds is not None for row in rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("track", overflow="fold")
    table.add_column("genre", no_wrap=True)
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("top 3", overflow="fold")
    if timed:
        table.add_column("seconds", justify="right", no_wrap=True)
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.2f}"
        table.add_row(*_cells(row), *([seconds] if timed else []))
    return table


def _cells(row: Row) -> tuple[RenderableType, ...]:
    from rich.text import Text

    if row.label is None:
        return Text(row.name), Text("failed", style="red"), "", Text(printable(row.problem), style="red")
    genre = row.label.genre
    verdict = Text(genre, style="bold green") if genre else Text("abstained", style="yellow")
    confidence = percent(row.label.confidence)
    return Text(row.name), verdict, confidence, Text(top_genres(row.label) + _notes(row.label))


def _notes(label: TrackLabelled) -> str:
    notes = list(label.audio.warnings)
    if label.declared is not None and label.declared.agrees is False:
        notes.append(f"declared {printable(label.declared.genre)}")
    return f" [{', '.join(notes)}]" if notes else ""
