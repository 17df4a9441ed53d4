"""Turns what was typed for an export into its form and bounds, and its counts into words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.cli.options import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.tables_file import TableFormat


def form_of(out: Path) -> TableFormat:
    """Tell a table's form by its file's ending.

    Raises
    ------
    UsageError
        No form has this ending.
    """
    forms: dict[str, TableFormat] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl"}
    if out.suffix not in forms:
        raise UsageError(f"--format: what is {str(out)!r} to be? choose parquet, csv or jsonl")
    return forms[out.suffix]


def bound_of(option: str, text: str | None) -> datetime | int | None:
    """Read the bound that was typed for an option; null where none was.

    Raises
    ------
    UsageError
        It is neither a time nor an offset.
    """
    from datetime import UTC, datetime

    from consumer.replay.bounds import parse_bound

    if text is None:
        return None
    try:
        return parse_bound(text, now=datetime.now(UTC))
    except ValueError as exc:
        raise UsageError(f"{option}: {exc}") from exc


def said(counts: Counter[str]) -> str:
    """Give counts in words, in alphabetical order."""
    words = [f"{number:,} {word.replace('_', ' ')}" for word, number in sorted(counts.items()) if number]
    return ", ".join(words) or "none"
