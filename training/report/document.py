"""Turns what there is to say into parts that a page and a Markdown file both know how to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
        What it says.
    small : str
        A second, smaller line: an interval, a reason.
    strong : bool
        Whether it is the best of its column.
    soft : bool
        Whether it says that there is nothing.
    """

    text: str
    small: str = ""
    strong: bool = False
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Head of a column: its name, the group that it stands under, and whether it holds numbers."""

    name: str
    group: str = ""
    number: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads. The first cell of each row names the row."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    note: str = ""

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Groups of neighbouring columns with how many each spans; empty where no column has one."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(group for group, _ in spans) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Counts by true (row) and predicted (column) name."""

    title: str
    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One picture: what it shows, as SVG that may stand within HTML, and what its reader must know."""

    title: str
    svg: str
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawings:
    """Pictures side by side, as many as the width allows.

    Attributes
    ----------
    items : tuple of Drawing
        In reading order.
    size : str
        `narrow` where many stand in a row, `wide` where one fills it.
    folded : str
        Where it is not empty, the pictures are shown only when this line is clicked.
    """

    items: tuple[Drawing, ...]
    size: Literal["narrow", "normal", "wide"] = "normal"
    folded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """A paragraph, or the same as code."""

    text: str
    code: bool = False


Part = Table | Matrix | Drawings | Prose


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Parts under a heading, after a paragraph that says how to read them."""

    title: str
    parts: tuple[Part, ...]
    intro: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure in large type and what it is."""

    figure: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something that the reader must know before the figures.

    Attributes
    ----------
    title, text : str
        A few words; the whole story.
    grave : bool
        Whether figures below are wrong to believe, rather than only to be read with care.
    """

    title: str
    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything that is said, in order."""

    title: str
    lead: str
    facts: tuple[Fact, ...]
    cautions: tuple[Caution, ...]
    sections: tuple[Section, ...]
    foot: str = ""
