"""Turns npz files of an outside network's outputs into `LabelledWindows`, one row a step of time.

Written for the MSD-musicnn taggrams of GTZAN: 50 tag probabilities every second.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError
from training.windows import LabelledWindows, join

_NAMES: Final = ("X", "IDS")
_MAX_BYTES: Final = 8 << 30
"""Of one array: what lies packed may be far larger than its file."""


def read_embeddings(paths: Sequence[Path]) -> LabelledWindows:
    """Read embeddings and put the files under one another.

    Parameters
    ----------
    paths : sequence of Path
        npz files, at least one. Each holds `X`, shape (n, width), numbers, and `IDS`, shape (n,), text: the
        file that each row was computed from, as `genre/genre.number.suffix`. The rows of a track stand in
        order of time. Other arrays (`Y`, the label as a number) are not read: the folder names the genre.

    Returns
    -------
    LabelledWindows
        `inputs` of shape (n, width), float32, as the network gave them. Sorted by track, a track's rows in
        their own order. A track's name is that of its file without folder and suffix.

    Raises
    ------
    DataError
        A file is missing, no npz, lacks an array or holds Python objects, the arrays do not belong together
        or hold a value that is no finite number, widths differ, or a track is in two files or has two labels.
    """
    if not paths:
        raise DataError("there is no file of embeddings to read")
    tables = [_read(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table.inputs.shape[1] != tables[0].inputs.shape[1]:
            raise DataError(
                f"embeddings are of two widths, {paths[0]}: {tables[0].inputs.shape[1]} "
                f"{path}: {table.inputs.shape[1]}"
            )
    _refuse_shared_tracks(paths, tables=tables)
    table = join(tables)
    return table.rows(np.argsort(table.tracks, kind="stable"))


def _read(path: Path) -> LabelledWindows:
    if not path.is_file():
        raise DataError(f"the embeddings are not there, path={path}: name an npz file")
    vectors, ids = _arrays(path)
    if vectors.ndim != 2 or not vectors.size or vectors.dtype.kind not in "fiu":
        raise DataError(
            f"embeddings are rows of numbers, path={path} array=X shape={vectors.shape} dtype={vectors.dtype}"
        )
    if ids.shape != (len(vectors),) or ids.dtype.kind != "U":
        raise DataError(
            f"each row needs the name of its file, path={path} array=IDS shape={ids.shape} "
            f"dtype={ids.dtype} rows={len(vectors)}"
        )
    # Through float32 first: a value that only float64 can hold would become infinite in a model.
    with np.errstate(over="ignore"):
        inputs: NDArray[np.float32] = vectors.astype(np.float32)
    wrong = np.argwhere(~np.isfinite(inputs))
    if len(wrong):
        raise DataError(
            f"embeddings hold values that are no finite numbers, path={path} count={len(wrong)} "
            f"first: row={wrong[0][0]} column={wrong[0][1]}"
        )
    genres, tracks = _names(ids, path=path)
    return LabelledWindows(inputs, genres, tracks, np.ones(len(inputs), dtype=np.float32))


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            too_large = [entry.filename for entry in archive.infolist() if entry.file_size > _MAX_BYTES]
        if too_large:
            raise DataError(f"an array is too large, path={path} array={too_large[0]} max_bytes={_MAX_BYTES}")
        # Without pickle: an array of Python objects could run any code on being read.
        with np.load(path, allow_pickle=False) as found:
            missing = [name for name in _NAMES if name not in found.files]
            if missing:
                raise DataError(
                    f"the embeddings lack arrays, path={path} missing={', '.join(missing)} "
                    f"found={', '.join(found.files)}"
                )
            return found["X"], found["IDS"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as exc:
        why = " ".join(str(exc).split())
        raise DataError(f"the embeddings cannot be read as npz, path={path}: {why}") from exc


def _names(ids: NDArray[np.str_], *, path: Path) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    labels: dict[str, str] = {}
    names: dict[str, str] = {}
    for given in np.unique(ids).tolist():
        place = PurePosixPath(given)
        genre = place.parent.name
        if not genre or not place.stem:
            raise DataError(f"a row's file is not genre/track.suffix, path={path} array=IDS value={given!r}")
        if labels.setdefault(place.stem, genre) != genre:
            raise DataError(
                f"a track has two labels, path={path} track={place.stem}: {labels[place.stem]}, {genre}"
            )
        names[given] = place.stem
    tracks = np.array([names[given] for given in ids.tolist()])
    return np.array([labels[track] for track in tracks.tolist()]), tracks


def _refuse_shared_tracks(paths: Sequence[Path], *, tables: Sequence[LabelledWindows]) -> None:
    found_in: dict[str, Path] = {}
    for path, table in zip(paths, tables, strict=True):
        for track in table.track_names:
            if track in found_in:
                raise DataError(f"a track is in two files, track={track} paths={found_in[track]}, {path}")
            found_in[track] = path
