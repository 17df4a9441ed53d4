"""Turns the files that a benchmark is given into `BenchmarkData`, with what was left out counted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec
from training.benchmark.data import BenchmarkData
from training.benchmark.given import read_given_split
from training.errors import DataError
from training.feature_table import file_id, load_feature_table
from training.inputs.embeddings import read_embeddings
from training.inputs.images import read_images
from training.inputs.spectrograms import read_spectrograms
from training.models.kind import InputKind
from training.report.figures import DataFigures
from training.sides import EXTRA_COLLECTION, Tables, usable_extra
from training.splits import NEAR_COPY_DISTANCE, TrackLists
from training.table_file import read_pieces
from training.windows import LabelledWindows

_FEWEST_GENRES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Where sides come from beside the draw.

    Attributes
    ----------
    lists : TrackLists
        The published split.
    given : Path or None
        CSV with the sides that somebody has drawn.
    """

    lists: TrackLists
    given: Path | None = None


def read_features(
    path: Path, *, extra: Path | None, extra_weight: float, spec: FeatureSpec, split: Split
) -> BenchmarkData:
    """Read a feature table, and one that joins its training sides.

    Raises
    ------
    DataError
        A table or the split is bad, or the extra table holds none of the own table's genres.
    """
    table = load_feature_table(path, spec=spec)
    own, kept = _once(table.windows)
    given = None
    if split.given is not None:
        filenames = _filenames(path, spec=spec, own=table.windows)[kept]
        given = read_given_split(split.given, own=own, filenames=filenames)
    figures = [_figures(file_id(path), "own", own, n_read=len(table.windows))]
    joined: LabelledWindows | None = None
    genres = _genres(own, path=path)
    if extra is not None:
        joined, figure = _extra(extra, genres=genres, weight=extra_weight, spec=spec)
        figures.append(figure)
    tables = Tables(own=own, extra=joined, lists=split.lists, given=given, copy_distance=NEAR_COPY_DISTANCE)
    return BenchmarkData(
        tables={InputKind.FEATURES: tables},
        genres=genres,
        feature_names=spec.feature_names,
        figures=tuple(figures),
    )


def read_embedding_files(paths: Sequence[Path], *, split: Split) -> BenchmarkData:
    """Read an outside network's embeddings of tracks.

    Raises
    ------
    DataError
        A file or the split is bad.
    """
    return _of_windows(
        {InputKind.FEATURES: read_embeddings(paths)},
        name=" ".join(file_id(path) for path in paths),
        path=paths[0],
        split=split,
    )


def read_pictures(path: Path, *, split: Split) -> BenchmarkData:
    """Read spectrogram pictures.

    Raises
    ------
    DataError
        The pictures or the split are bad.
    """
    images = read_images(path)
    name = file_id(path) if path.is_file() else _contents_id(path.name, images)
    return _of_windows({InputKind.IMAGE: images}, name=name, path=path, split=split)


def read_audio(folder: Path, *, genres: Sequence[str], split: Split) -> tuple[BenchmarkData, tuple[str, ...]]:
    """Read music as pictures and as series of its windows.

    Returns
    -------
    BenchmarkData
        Of both.
    tuple of str
        One line a file that was left out.

    Raises
    ------
    DataError
        The folder or the split is bad.
    """
    images, bad = read_spectrograms(folder, input=InputKind.IMAGE, genres=genres)
    series, _ = read_spectrograms(folder, input=InputKind.SERIES, genres=genres)
    data = _of_windows(
        {InputKind.IMAGE: images, InputKind.SERIES: series},
        name=_contents_id(folder.name, series),
        path=folder,
        split=split,
    )
    return data, tuple(f"{file.place}: {file.message}" for file in bad)


def _of_windows(
    windows: dict[InputKind, LabelledWindows], *, name: str, path: Path, split: Split
) -> BenchmarkData:
    tables: dict[InputKind, Tables] = {}
    figures: list[DataFigures] = []
    for kind, table in windows.items():
        own, _ = _once(table)
        given = None if split.given is None else read_given_split(split.given, own=own)
        # What lies near in other numbers than the 57 features has not been measured: nothing is searched.
        tables[kind] = Tables(own=own, extra=None, lists=split.lists, given=given, copy_distance=None)
        label = name if len(windows) == 1 else f"{name} as {kind}"
        figures.append(_figures(label, "own", own, n_read=len(table)))
    genres = _genres(next(iter(tables.values())).own, path=path)
    return BenchmarkData(tables=tables, genres=genres, feature_names=(), figures=tuple(figures))


def _extra(
    path: Path, *, genres: tuple[str, ...], weight: float, spec: FeatureSpec
) -> tuple[LabelledWindows, DataFigures]:
    table = load_feature_table(
        path,
        spec=spec,
        collection=EXTRA_COLLECTION,
        min_genres=0,
        known_genres=frozenset(genres),
        unknown="leave out",
    )
    usable = usable_extra(table.windows, genres=genres, weight=weight)
    if not len(usable):
        raise DataError(f"the extra table holds no window of a known genre, path={path} known={list(genres)}")
    n_read = len(table.windows) + sum(table.left_out.values())
    return usable, _figures(file_id(path), "extra", usable, n_read=n_read)


def _once(table: LabelledWindows) -> tuple[LabelledWindows, NDArray[np.intp]]:
    """Drop windows that one track holds twice; say which stay.

    Windows that two tracks share stay. The published lists name GTZAN's replicas and have them on no side:
    whichever was dropped here might be the one that is asked about. What the lists miss, the search for leaks
    finds.
    """
    _, contents = np.unique(table.inputs.reshape(len(table), -1), axis=0, return_inverse=True)
    _, tracks = np.unique(table.tracks, return_inverse=True)
    _, first = np.unique(np.stack([tracks, contents.ravel()]), axis=1, return_index=True)
    kept = np.sort(first)
    return table.rows(kept), kept


def _genres(own: LabelledWindows, *, path: Path) -> tuple[str, ...]:
    genres = tuple(str(genre) for genre in np.unique(own.genres))
    if len(genres) < _FEWEST_GENRES:
        raise DataError(f"the data has too few genres, path={path} genres={list(genres)} wanted: at least 2")
    return genres


def _filenames(path: Path, *, spec: FeatureSpec, own: LabelledWindows) -> NDArray[np.str_]:
    """Read the windows' file names in the order in which the table was read."""
    names = np.concatenate(
        [piece.frame["filename"].to_numpy(dtype=str) for piece in read_pieces(path, spec=spec)]
    )
    stems = np.char.rpartition(names, ".")[:, 0]
    parts = np.char.rpartition(stems, ".")
    order = np.lexsort((parts[:, 2].astype(np.int64), parts[:, 0]))
    if not np.array_equal(parts[order, 0], own.tracks):
        raise DataError(f"the table changed while it was read, path={path}")
    return names[order]


def _figures(name: str, role: str, table: LabelledWindows, *, n_read: int) -> DataFigures:
    genres, counts = np.unique(table.genres, return_counts=True)
    return DataFigures(
        id=name,
        role=role,
        n_windows=len(table),
        n_tracks=len(table.track_names),
        n_dropped=n_read - len(table),
        genres=dict(zip(genres.tolist(), counts.tolist(), strict=True)),
    )


def _contents_id(name: str, table: LabelledWindows) -> str:
    return f"{name}@{hashlib.sha256(table.inputs.tobytes()).hexdigest()[:12]}"
