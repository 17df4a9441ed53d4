"""Turns a CSV or Parquet table of window features into validated `LabelledWindows`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec
from training.errors import DataError
from training.table_file import Piece, read_pieces
from training.windows import LabelledWindows

_FILENAME: Final = r"(?s)\A(?P<track>.+)\.(?P<window>[0-9]{1,9})\.\w+\Z"
_MAX_NAME_LENGTH: Final = 4_096
"""Characters of a track's name, as of a path. An array of names is as wide as its longest."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """A table and what was noticed on reading it.

    Attributes
    ----------
    windows : LabelledWindows
        Sorted by track and window number.
    n_repeated : int
        Windows whose features and label are those of an earlier window. Legal: `without_repeats` drops them.
    left_out : Mapping of str to int
        Windows of each label that is not known and was left out.
    """

    windows: LabelledWindows
    n_repeated: int
    left_out: Mapping[str, int]


def read_feature_table(
    path: Path,
    *,
    spec: FeatureSpec,
    collection: str = "",
    min_genres: int = 2,
    known_genres: frozenset[str] | None = None,
    unknown: Literal["refuse", "leave out"] = "refuse",
) -> LabelledWindows:
    """Read a table with one row a window; as `load_feature_table`, whose `windows` it gives."""
    table = load_feature_table(
        path,
        spec=spec,
        collection=collection,
        min_genres=min_genres,
        known_genres=known_genres,
        unknown=unknown,
    )
    return table.windows


def load_feature_table(
    path: Path,
    *,
    spec: FeatureSpec,
    collection: str = "",
    min_genres: int = 2,
    known_genres: frozenset[str] | None = None,
    unknown: Literal["refuse", "leave out"] = "refuse",
) -> FeatureTable:
    """Read a table with one row a window.

    Parameters
    ----------
    path : Path
        CSV (comma, semicolon or tab; plain or gzipped) or Parquet, as `training.table_file` reads them.
        Columns in any order: `filename` as `track.window.extension`, the spec's features, `label`. Others
        (`length`) are ignored.
    spec : FeatureSpec
        Names the features and their order.
    collection : str, optional
        Put before each track's name, so that two collections' names never meet.
    min_genres : int, optional
        Fewer labels are refused; 1 for a table that only joins another.
    known_genres : frozenset of str, optional
        The labels that there may be; any where it is None.
    unknown : {"refuse", "leave out"}
        What becomes of windows under another label.

    Raises
    ------
    DataError
        The file is no table of these features (see `read_pieces`), has no row, holds a value that is no
        finite number, a window without a label or twice, a file name without a window number, an unknown
        label or too few labels, or gives two labels to one track. The message is one line with the place.
    """
    rows = _Rows()
    for piece in read_pieces(path, spec=spec):
        rows.add(piece, path=path, spec=spec)
    if not rows.features:
        raise DataError(f"the table has no rows, path={path}")
    columns = rows.join(width=spec.width)
    _refuse_two_labels(columns, path=path)
    _refuse_same_window(columns, path=path)
    windows = columns.windows(collection)
    windows, left_out = _known(windows, known_genres=known_genres, unknown=unknown, path=path)
    genres = np.unique(windows.genres)
    if len(genres) < min_genres:
        raise DataError(
            f"the table has too few genres, path={path} genres={', '.join(genres.tolist())} "
            f"wanted: at least {min_genres}"
        )
    return FeatureTable(windows, _repeated(windows), left_out)


def file_id(path: Path) -> str:
    """Name a file's contents: its name and the start of its SHA-256."""
    with path.open("rb") as file:
        return f"{path.name}@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class _Columns:
    features: NDArray[np.float32]
    windows_of: NDArray[np.int64]
    """Number of each window in its track."""
    track_of: NDArray[np.int64]
    genre_of: NDArray[np.int64]
    tracks: list[str]
    genres: list[str]

    def windows(self, collection: str) -> LabelledWindows:
        names = np.array([collection + name for name in self.tracks], dtype=str)
        rank = np.empty(len(names), dtype=np.int64)
        rank[np.argsort(names)] = np.arange(len(names))
        order = np.lexsort((self.windows_of, rank[self.track_of]))
        return LabelledWindows(
            self.features[order],
            np.array(self.genres, dtype=str)[self.genre_of[order]],
            names[self.track_of[order]],
            np.ones(len(order), dtype=np.float32),
        )


@dataclass(slots=True)
class _Rows:
    """Gathers pieces; names are kept once, since a track's is repeated in each of its windows."""

    features: list[NDArray[np.float32]] = field(default_factory=list)
    numbers: list[NDArray[np.int64]] = field(default_factory=list)
    tracks: list[NDArray[np.int64]] = field(default_factory=list)
    genres: list[NDArray[np.int64]] = field(default_factory=list)
    track_codes: dict[str, int] = field(default_factory=dict)
    genre_codes: dict[str, int] = field(default_factory=dict)

    def add(self, piece: Piece, *, path: Path, spec: FeatureSpec) -> None:
        if piece.frame.empty:
            return
        labels = piece.frame["label"].astype("string").str.strip()
        unlabelled = labels.isna() | (labels == "")
        if unlabelled.any():
            raise DataError(
                f"the table holds windows without a label, path={path} count={int(unlabelled.sum())} "
                f"first: row={_first(unlabelled) + piece.first_row}"
            )
        names = piece.frame["filename"].astype("string")
        parts = names.str.extract(_FILENAME)
        wrong = parts.isna().any(axis=1) | (names.str.len() > _MAX_NAME_LENGTH)
        if wrong.any():
            raise DataError(
                f"a file name is not track.window.extension, path={path} "
                f"row={_first(wrong) + piece.first_row} filename={_shown(names.iloc[_first(wrong)])}"
            )
        self.features.append(_numbers(piece, path=path, spec=spec))
        self.numbers.append(np.array(parts["window"].astype(int), dtype=np.int64))
        self.tracks.append(_coded(parts["track"], self.track_codes))
        self.genres.append(_coded(labels, self.genre_codes))

    def join(self, *, width: int) -> _Columns:
        features = np.concatenate(self.features) if self.features else np.empty((0, width), np.float32)
        self.features.clear()
        return _Columns(
            features,
            np.concatenate(self.numbers),
            np.concatenate(self.tracks),
            np.concatenate(self.genres),
            list(self.track_codes),
            list(self.genre_codes),
        )


def _first(mask: pd.Series) -> int:
    return int(np.flatnonzero(mask.to_numpy(dtype=bool))[0])


def _shown(value: object) -> str:
    return repr(str(value)[:80])


def _coded(values: pd.Series, codes: dict[str, int]) -> NDArray[np.int64]:
    inside, uniques = pd.factorize(values)
    outside = [codes.setdefault(str(value), len(codes)) for value in uniques]
    return np.array(outside, dtype=np.int64)[inside].astype(np.int64)


def _numbers(piece: Piece, *, path: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    given = piece.frame[list(spec.feature_names)]
    columns = given.apply(pd.to_numeric, errors="coerce")
    # Through float32 first: a value that only float64 can hold would become infinite in the model.
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = columns.to_numpy(dtype=np.float64).astype(np.float32)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"the table holds values that are no finite numbers, path={path} "
            f"first: row={row + piece.first_row} column={spec.feature_names[column]} "
            f"value={_shown(given.iloc[row, column])} count={len(wrong)} in {len(values)} rows"
        )
    return values


def _refuse_two_labels(columns: _Columns, *, path: Path) -> None:
    first = np.full(len(columns.tracks), -1)
    first[columns.track_of[::-1]] = columns.genre_of[::-1]
    other = np.flatnonzero(first[columns.track_of] != columns.genre_of)
    if len(other):
        track = columns.track_of[other[0]]
        labels = columns.genres[first[track]], columns.genres[columns.genre_of[other[0]]]
        raise DataError(
            f"a track has two labels, path={path} track={columns.tracks[track]}: {', '.join(labels)}"
        )


def _refuse_same_window(columns: _Columns, *, path: Path) -> None:
    pairs = np.column_stack([columns.track_of, columns.windows_of])
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        track, window = found[twice[0]]
        raise DataError(
            f"the table holds windows more than once, path={path} count={len(twice)} "
            f"first: track={columns.tracks[track]} window={window} rows={counts[twice[0]]}"
        )


def _known(
    windows: LabelledWindows,
    *,
    known_genres: frozenset[str] | None,
    unknown: Literal["refuse", "leave out"],
    path: Path,
) -> tuple[LabelledWindows, Mapping[str, int]]:
    genres, counts = np.unique(windows.genres, return_counts=True)
    others = {
        str(genre): int(count)
        for genre, count in zip(genres, counts, strict=True)
        if known_genres is not None and genre not in known_genres
    }
    if not others or known_genres is None:
        return windows, {}
    if unknown == "refuse":
        told = ", ".join(f"{genre} ({count} windows)" for genre, count in list(others.items())[:10])
        raise DataError(
            f"the table has labels that are not known, path={path} labels={told} "
            f"known={', '.join(sorted(known_genres))}"
        )
    return windows.rows(np.isin(windows.genres, sorted(known_genres))), others


def _repeated(windows: LabelledWindows) -> int:
    seen: set[tuple[int, str]] = set()
    for inputs, genre in zip(windows.inputs, windows.genres.tolist(), strict=True):
        seen.add((hash((inputs + np.float32(0)).tobytes()), genre))  # adding 0 makes -0 and 0 one
    return len(windows) - len(seen)
