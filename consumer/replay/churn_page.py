"""Turns a report of what would change into one page that needs nothing beside it: no script, no network."""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from consumer.replay.churn_chart import draw, legend_of
from consumer.replay.churn_report import ChurnReport, Move

_TEMPLATE: Final = "churn_page.html"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix: tracks, their share of the row, and how strongly it is coloured, in [0, 1].

    The strength is the share's square root: one track in a hundred must be seen too.
    """

    tracks: int
    share: float
    strength: float
    stays: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the matrix: what tracks are now, and what they would be."""

    genre: str | None
    cells: tuple[Cell, ...]
    total: int


def write_page(path: Path, report: ChurnReport) -> None:
    """Write the page; it appears whole or not at all.

    Raises
    ------
    OSError
        It cannot be written there.
    """
    text = render(report)
    number, scratch = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)  # noqa: PTH101 - mkstemp's are for their owner alone
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def render(report: ChurnReport) -> str:
    """Give the page's HTML. Whatever a publisher may have written, such as a track's id, is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": _count,
        "gain": _gain,
        "percent": _percent,
        "moment": _moment,
        "shown": _shown,
    }
    genres = genres_of(report.matrix, extra=(count.genre for count in report.without_label))
    return environment.get_template(_TEMPLATE).render(
        report=report,
        genres=genres,
        lines=lines_of(report.matrix, genres),
        totals=_totals(report.matrix, genres),
        new=_new_line(report, genres),
        charts=draw(report.confidence) if report.confidence else (),
        legend=legend_of(report.confidence) if report.confidence else (),
    )


def genres_of(matrix: Sequence[Move], *, extra: Iterable[str | None] = ()) -> list[str | None]:
    """Give all genres in the order of their names, the abstention last where there is one."""
    found = {genre for move in matrix for genre in (move.before, move.after)} | set(extra)
    return sorted(found, key=lambda genre: (genre is None, genre or ""))


def lines_of(matrix: Sequence[Move], genres: Sequence[str | None]) -> list[Line]:
    """Lay the moves out as rows of what tracks are now; a row without tracks is left out."""
    tracks = Counter({(move.before, move.after): move.tracks for move in matrix})
    lines = []
    for before in genres:
        counts = [tracks[before, after] for after in genres]
        if sum(counts):
            stays = [before == after for after in genres]
            lines.append(_line(before, counts, stays=stays))
    return lines


def _line(genre: str | None, counts: Sequence[int], *, stays: Sequence[bool]) -> Line:
    total = sum(counts)
    cells = tuple(
        Cell(count, count / total, math.sqrt(count / total), stay)
        for count, stay in zip(counts, stays, strict=True)
    )
    return Line(genre, cells, total)


def _new_line(report: ChurnReport, genres: Sequence[str | None]) -> Line | None:
    tracks = Counter({count.genre: count.tracks for count in report.without_label})
    if not tracks:
        return None
    return _line(None, [tracks[genre] for genre in genres], stays=[True] * len(genres))


def _totals(matrix: Sequence[Move], genres: Sequence[str | None]) -> list[tuple[int, int]]:
    """Give each genre's tracks as they would be, and by how many that is more than now."""
    now, then = Counter[str | None](), Counter[str | None]()
    for move in matrix:
        now[move.before] += move.tracks
        then[move.after] += move.tracks
    return [(then[genre], then[genre] - now[genre]) for genre in genres]


def _count(number: int) -> str:
    return f"{number:,}"


def _gain(number: int) -> str:
    return f"{number:+,}".replace("-", "\N{MINUS SIGN}") if number else "\N{PLUS-MINUS SIGN}0"


def _percent(share: float) -> str:
    """Write a share so that few are not none, and most are not all."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _shown(text: str) -> str:
    """Replace what cannot be seen, or turns the direction of writing so that a name reads as another."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
