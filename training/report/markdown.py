"""Turns a `Document` into Markdown, as it is read in a terminal or on a code host; drawings are left out."""

from __future__ import annotations

import re
from typing import Final

from training.report.document import Cell, Document, Drawings, Matrix, Part, Section, Table
from training.report.spelling import count, shown

_SPECIAL: Final = re.compile(r"([\\`*_\[\]|#~])")


def render_markdown(document: Document) -> str:
    """Give the document as Markdown. What the data calls things cannot become markup."""
    blocks = [f"# {escape(document.title)}", escape(document.lead)]
    blocks += [f"> **{escape(one.title)}** {escape(one.text)}" for one in document.cautions]
    if document.facts:
        blocks.append("\n".join(f"- **{escape(one.figure)}** {escape(one.what)}" for one in document.facts))
    for section in document.sections:
        blocks += _section(section)
    if document.foot:
        blocks.append(escape(document.foot))
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Write text so that Markdown shows it as it is, on one line."""
    text = shown(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def _section(section: Section) -> list[str]:
    blocks = [f"## {escape(section.title)}"]
    if section.intro:
        blocks.append(escape(section.intro))
    for part in section.parts:
        blocks += _part(part)
    return blocks


def _part(part: Part) -> list[str]:
    match part:
        case Table():
            return _table(part)
        case Matrix():
            return _matrix(part)
        case Drawings():
            return []
        case _ if part.code:
            fence = "`" * (max((len(run) for run in re.findall("`+", part.text)), default=2) + 1)
            fence = fence if len(fence) > 2 else "```"
            return [f"{fence}\n{shown(part.text)}\n{fence}"]
        case _:
            return [escape(part.text)]


def _table(table: Table) -> list[str]:
    heads = [
        f"{escape(column.group)}: {escape(column.name)}" if column.group else escape(column.name)
        for column in table.columns
    ]
    rules = ["---:" if column.number else ":---" for column in table.columns]
    lines = [_row(heads), _row(rules), *(_row([_cell(cell) for cell in row]) for row in table.rows)]
    blocks = [f"### {escape(table.title)}"] if table.title else []
    blocks.append("\n".join(lines))
    return [*blocks, escape(table.note)] if table.note else blocks


def _matrix(matrix: Matrix) -> list[str]:
    heads = ["true ↓ said →", *(escape(name) for name in matrix.names), "all"]
    lines = [_row(heads), _row([":---"] + ["---:"] * (len(heads) - 1))]
    for name, row in zip(matrix.names, matrix.counts, strict=True):
        lines.append(
            _row([escape(name), *(count(number) if number else "·" for number in row), count(sum(row))])
        )
    blocks = [f"### {escape(matrix.title)}", "\n".join(lines)]
    return [*blocks, escape(matrix.note)] if matrix.note else blocks


def _cell(cell: Cell) -> str:
    text = f"**{escape(cell.text)}**" if cell.strong else escape(cell.text)
    return f"{text} ({escape(cell.small)})" if cell.small else text


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
