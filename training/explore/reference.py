"""Turns a CSV of somebody else's figures for each feature into columns that ours are laid beside."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.errors import DataError

STATISTICS: Final[Mapping[str, str]] = {
    "mean": "mean",
    "sd": "sd",
    "std": "sd",
    "min": "minimum",
    "minimum": "minimum",
    "median": "median",
    "50%": "median",
    "max": "maximum",
    "maximum": "maximum",
}
"""Heads of columns that are understood, and the statistic that each names."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Figures of each feature by statistic; a figure that is not given is absent."""

    statistics: tuple[str, ...]
    figures: Mapping[str, Mapping[str, float]]


def read_reference(path: Path, *, names: Sequence[str]) -> Reference:
    """Read a CSV with one row a feature.

    Parameters
    ----------
    path : Path
        Columns: `feature`, and one or more of mean, sd (or std), min, median, max. Cells may be empty.
    names : sequence of str
        The features that may be named.

    Raises
    ------
    DataError
        The file is missing or no such table, names an unknown feature or holds what is no number.
    """
    rows = _rows(path)
    heads = {head: STATISTICS[head.strip().lower()] for head in rows[0] if head.strip().lower() in STATISTICS}
    if "feature" not in rows[0] or not heads:
        raise DataError(
            f"the reference needs the column feature and one of {', '.join(STATISTICS)}, path={path}"
        )
    figures: dict[str, dict[str, float]] = {}
    for number, row in enumerate(rows, start=2):
        name = (row["feature"] or "").strip()
        if name not in names:
            raise DataError(
                f"the reference names an unknown feature, path={path} row={number} feature={name}"
            )
        given = {statistic: (row[head] or "").strip() for head, statistic in heads.items()}
        figures[name] = {
            statistic: _number(text, path=path, row=number) for statistic, text in given.items() if text
        }
    return Reference(statistics=tuple(dict.fromkeys(heads.values())), figures=figures)


def _rows(path: Path) -> list[dict[str, str | None]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: list[dict[str, str | None]] = list(csv.DictReader(file, restkey="more"))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"the reference cannot be read as CSV, path={path}: {exc}") from exc
    if not rows:
        raise DataError(f"the reference has no rows, path={path}")
    return rows


def _number(text: str, *, path: Path, row: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"the reference holds what is no finite number, path={path} row={row} value={text}")
    return value
