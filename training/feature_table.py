"""Turns a CSV or Parquet table of window features into validated `LabelledWindows`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec
from training.errors import DataError
from training.windows import LabelledWindows


def read_feature_table(path: Path, *, spec: FeatureSpec, collection: str = "") -> LabelledWindows:
    """Read a CSV (plain or gzipped) or Parquet file (`.parquet`) with one row a window.

    Parameters
    ----------
    path : Path
        Columns: `filename` as `track.window.extension`, the spec's features, `label`. Others are ignored.
    spec : FeatureSpec
        Names the features and their order.
    collection : str, optional
        Put before each track's name, so that two collections' names never meet.

    Returns
    -------
    LabelledWindows
        Sorted by track and window number.

    Raises
    ------
    DataError
        The file is missing or no table, lacks a column, has no row, holds a value that is no finite number, a
        window without a label or a file name without a window number, or gives two labels to one track.
    """
    frame = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    missing = [name for name in ("filename", "label", *spec.feature_names) if name not in frame.columns]
    if missing:
        raise DataError(f"the table lacks columns, path={path} missing={', '.join(missing[:5])}")
    if frame.empty:
        raise DataError(f"the table has no rows, path={path}")
    unlabelled = int(frame["label"].isna().sum())
    if unlabelled:
        raise DataError(f"the table holds windows without a label, path={path} count={unlabelled}")
    features = _numbers(frame, path=path, spec=spec)
    parts = frame["filename"].astype(str).str.extract(r"^(?P<track>.+)\.(?P<window>\d+)\.\w+$")
    if parts.isna().to_numpy().any():
        row = int(np.flatnonzero(parts.isna().to_numpy().any(axis=1))[0])
        raise DataError(
            f"a file name is not track.window.extension, path={path} row={row + 2} "
            f"filename={frame['filename'].iloc[row]}"
        )
    tracks = (collection + parts["track"]).to_numpy(dtype=str)
    genres = frame["label"].astype(str).to_numpy(dtype=str)
    _refuse_two_labels(tracks, genres, path=path)
    order = np.lexsort((parts["window"].astype(int).to_numpy(), tracks))
    return LabelledWindows(features, genres, tracks, np.ones(len(frame), dtype=np.float32)).rows(order)


def file_id(path: Path) -> str:
    """Name a file's contents: its name and the start of its SHA-256."""
    return f"{path.name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"the table is not there, path={path}")
    try:
        return pd.read_csv(path)
    except (OSError, EOFError, ValueError) as exc:
        # pandas' own errors (nothing in the file, rows of two lengths, not UTF-8) are all ValueErrors.
        raise DataError(f"the table cannot be read as CSV, path={path}: {str(exc).splitlines()[0]}") from exc


def _read_parquet(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"the table is not there, path={path}")
    try:
        return pd.read_parquet(path)
    except ImportError as exc:
        raise DataError(f"Parquet needs pyarrow, path={path}: pip install 'genrestream[export]'") from exc
    except (OSError, ValueError) as exc:  # pyarrow's own errors are these
        raise DataError(
            f"the table cannot be read as Parquet, path={path}: {str(exc).splitlines()[0]}"
        ) from exc


def _numbers(frame: pd.DataFrame, *, path: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    columns = frame[list(spec.feature_names)].apply(pd.to_numeric, errors="coerce")
    # Through float32 first: a value that only float64 can hold would become infinite in the model.
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = columns.to_numpy(dtype=np.float64).astype(np.float32)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"the table holds values that are no finite numbers, path={path} count={len(wrong)} "
            f"first: row={row + 2} column={spec.feature_names[column]}"
        )
    return values


def _refuse_two_labels(tracks: NDArray[np.str_], genres: NDArray[np.str_], *, path: Path) -> None:
    labels: dict[str, str] = {}
    for track, genre in zip(tracks.tolist(), genres.tolist(), strict=True):
        if labels.setdefault(track, genre) != genre:
            raise DataError(f"a track has two labels, path={path} track={track}: {labels[track]}, {genre}")
