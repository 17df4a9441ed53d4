"""Turns a CSV of names and sides into the side of each window."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError
from training.sides import TEST, TRAIN, UNUSED
from training.windows import LabelledWindows

_SIDES = {"train": TRAIN, "test": TEST}


def read_given_split(
    path: Path, *, own: LabelledWindows, filenames: NDArray[np.str_] | None = None
) -> NDArray[np.int8]:
    """Read a split that somebody has drawn.

    Parameters
    ----------
    path : Path
        CSV of two columns: a track's name, or a window's file name as in the table; and `train` or `test`. A
        first line whose second field is neither is a heading.
    own : LabelledWindows
        The windows to divide.
    filenames : ndarray, shape (len(own),), str, optional
        Each window's file name, where it has one.

    Returns
    -------
    ndarray, shape (len(own),), int8
        `TRAIN`, `TEST`, or `UNUSED` for what the file does not name.

    Raises
    ------
    DataError
        The file is missing or no such table, names what is not there, names something twice, or leaves a side
        empty.
    """
    by_name = _read(path)
    sides = np.full(len(own), UNUSED, dtype=np.int8)
    known: set[str] = set()
    for names in (own.tracks, filenames):
        if names is None:
            continue
        for index, name in enumerate(names.tolist()):
            side = by_name.get(name)
            if side is None:
                continue
            known.add(name)
            if sides[index] not in {UNUSED, side}:
                raise DataError(
                    f"the split puts a window and its track on two sides, path={path} name={name}"
                )
            sides[index] = side
    unknown = sorted(set(by_name) - known)
    if unknown:
        raise DataError(
            f"the split names what the data lacks, path={path} count={len(unknown)} first={unknown[0]}"
        )
    for word, side in _SIDES.items():
        if not (sides == side).any():
            raise DataError(f"the split leaves a side empty, path={path} side={word}")
    return sides


def _read(path: Path) -> dict[str, int]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"the split cannot be read, path={path}: it is a CSV of name,side") from exc
    by_name: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name, side = line[0].strip(), line[1].strip().lower() if len(line) > 1 else ""
        if side not in _SIDES:
            if number == 1:
                continue
            raise DataError(f"a side of the split is not train or test, path={path} line={number}")
        if name in by_name:
            raise DataError(f"the split names something twice, path={path} line={number} name={name}")
        by_name[name] = _SIDES[side]
    return by_name
