"""Turns dead letters into what people and programs read: a table, lines, or all of one letter."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from consumer.cli.tables import printable
from consumer.cli.terminal import complain, is_terminal, print_table, write_json, write_line

if TYPE_CHECKING:
    from consumer.dead_letters import Letter, RedriveEnd

_MOST_SHOWN_BYTES: Final = 16 * 1024
"""Of a value: a person reads no more; --raw gives all of it."""


def show_letters(letters: Collection[Letter]) -> None:
    """Show letters: a table on a terminal, one line a letter in a pipe."""
    if not is_terminal():
        for letter in letters:
            write_line("  ".join(_cells(letter)))
        return
    from rich.table import Table
    from rich.text import Text

    if not letters:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("dead letter", "failed", "reason", "track"):
        table.add_column(name, no_wrap=name != "track", overflow="fold")
    table.add_column("why", overflow="ellipsis", no_wrap=True)
    for letter in letters:
        table.add_row(*(Text(cell) for cell in _cells(letter)))
    print_table(table)


def show_reasons(counts: Counter[str], *, shown: int) -> None:
    """Say on standard error how many letters there are of each reason."""
    total = counts.total()
    if not total:
        complain("no dead letters")
        return
    reasons = ", ".join(f"{number:,} {printable(reason)}" for reason, number in counts.most_common())
    rest = "" if shown == total else f"; the newest {shown:,} are shown"
    complain(f"{total:,} dead letters: {reasons}{rest}")


def show_letter(letter: Letter) -> None:
    """Show one letter whole, nothing in it obeyed by a terminal."""
    told = letter.told
    redriven = " (redriven since)" if letter.redriven else ""
    write_line(f"dead letter {letter.place}{redriven}")
    write_line(f"  track     {printable(letter.track_id or '(unknown)')}")
    write_line(f"  why       {printable(told.problem)}")
    write_line(f"  attempts  {told.attempts}")
    write_line(f"  arrived   {printable(told.topic)}/{told.partition}/{told.offset}")
    write_line(f"  redriven  {letter.rounds} times before")
    write_line(f"  key       {_visible(letter.record.key)}")
    write_line("headers of the upload")
    for name, value in letter.carried:
        write_line(f"  {printable(name)}: {_visible(value)}")
    write_line("headers of the dead letter")
    for name, value in letter.record.headers[len(letter.carried) :]:
        write_line(f"  {printable(name)}: {_visible(value)}")
    cut = ", cut" if letter.truncated else ""
    write_line(f"value ({len(letter.record.value or b'')} bytes{cut})")
    for line in _value_lines(letter.record.value):
        write_line(f"  {line}")


def detail(letter: Letter) -> dict[str, Any]:
    """Give the object that `dlq show --json` prints; bytes that are no UTF-8 as `{"base64": ...}`."""
    return {
        **letter.to_json(),
        "key": _text_or_base64(letter.record.key),
        "headers": [[name, _text_or_base64(value)] for name, value in letter.record.headers],
        "value": _text_or_base64(letter.record.value),
    }


class RedriveWords:
    """Tells of a redrive as it goes on.

    Parameters
    ----------
    as_json : bool
        Whether a program reads: one object a letter.
    dry_run : bool
        Whether nothing is written.
    """

    def __init__(self, *, as_json: bool, dry_run: bool) -> None:
        self._as_json = as_json
        self._dry_run = dry_run

    def redriven(self, letter: Letter, topic: str) -> None:
        """Tell of a letter that went, or would go."""
        if self._as_json:
            event = "would_redrive" if self._dry_run else "redriven"
            write_json({"event": event, "to": topic, **letter.to_json()})
        elif self._dry_run:
            write_line("  ".join((*_cells(letter)[:-1], f"-> {printable(topic)}")))

    def refused(self, letter: Letter, why: str) -> None:
        """Tell of a letter that stays."""
        if self._as_json:
            write_json({"event": "refused", "why": why, **letter.to_json()})
        else:
            complain(f"{letter.place} stays: {printable(why)}")

    def end(self, end: RedriveEnd) -> None:
        """Tell what came of it."""
        counts = end.redriven
        if self._as_json:
            done = {"redriven": counts.total(), "by_reason": dict(counts), "refused": end.refused}
            write_json({"event": "ended", "dry_run": self._dry_run, **done})
            return
        reasons = ", ".join(f"{number:,} {printable(reason)}" for reason, number in counts.most_common())
        verb = "would be redriven" if self._dry_run else "redriven"
        told = f"{counts.total():,} dead letters {verb}" + (f": {reasons}" if reasons else "")
        complain(told + (f"; {end.refused:,} stay" if end.refused else ""))


def _cells(letter: Letter) -> tuple[str, ...]:
    told = letter.told
    redriven = " (redriven)" if letter.redriven else ""
    return (
        f"{letter.place}{redriven}",
        printable(letter.ours.get("failed-at", "-")),
        printable(told.reason),
        printable(letter.track_id or "-"),
        printable(" ".join(told.message.split())),
    )


def _visible(value: bytes | None) -> str:
    """Give bytes as text where they are some, else escaped."""
    if value is None:
        return "(null)"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ascii(value)
    return text if text.isprintable() else ascii(text)


def _value_lines(value: bytes | None) -> Iterable[str]:
    if value is None:
        return ["(null)"]
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = _visible(value[:_MOST_SHOWN_BYTES])
    lines = [printable(line) for line in text[:_MOST_SHOWN_BYTES].split("\n")]
    cut = len(value) > _MOST_SHOWN_BYTES or len(text) > _MOST_SHOWN_BYTES
    return [*lines, "... (all of it: --raw)"] if cut else lines


def _text_or_base64(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
