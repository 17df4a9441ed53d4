"""Turns the tracks' features into a table with the published columns that appears whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec
from training.errors import OutputError
from training.featurizing.walk import Track

METADATA_KEY: Final = b"genrestream"
"""Of a Parquet file's metadata: JSON with `feature_set`, `fingerprint` and `versions`."""
_FORMS: Final = (".parquet", ".csv", ".csv.gz")
_VERSIONED: Final = ("genrestream", "numpy", "numba", "av", "soundfile", "soxr")
_GROUP_WINDOWS: Final = 16_384

TrackRows = tuple[Track, NDArray[np.float32]]


def require_writable(path: Path) -> None:
    """Refuse a table that could not be written, before hours of work.

    Raises
    ------
    OutputError
        Its name has another ending than `.parquet`, `.csv` or `.csv.gz`, its folder is not there, or it is a
        folder itself.
    """
    if not path.name.endswith(_FORMS):
        raise OutputError(f"a table ends in {', '.join(_FORMS)}: path={path}")
    if path.is_dir():
        raise OutputError(f"the table cannot replace a folder, path={path}")
    if not path.parent.is_dir():
        raise OutputError(f"the table's folder is not there, path={path}: make it first")


def write_table(path: Path, *, spec: FeatureSpec, tracks: Iterable[TrackRows]) -> None:
    """Write one row a window: `filename` (track.window.extension), `length`, the features, `label`.

    Parameters
    ----------
    path : Path
        Its ending picks the form. The same tracks give the same bytes.
    spec : FeatureSpec
        Names the features; `length` is its window in samples.
    tracks : iterable of (Track, ndarray)
        Each track's features, shape (n, width), float32.

    Raises
    ------
    OutputError
        It cannot be written; nothing is left behind.
    """
    with _replacing(path) as file:
        if path.suffix == ".parquet":
            _write_parquet(file, spec=spec, tracks=tracks)
        elif path.suffix == ".csv":
            _write_csv(file, spec=spec, tracks=tracks)
        else:
            # A time or name in the header would make each run's bytes differ.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                _write_csv(packed, spec=spec, tracks=tracks)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as exc:
        raise OutputError(f"the table cannot be written, path={path}: {exc.strerror}") from exc
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(0o644)
        scratch.replace(path)
    except OSError as exc:
        raise OutputError(f"the table cannot be written, path={path}: {exc.strerror}") from exc
    finally:
        scratch.unlink(missing_ok=True)


def _write_csv(file: IO[bytes] | gzip.GzipFile, *, spec: FeatureSpec, tracks: Iterable[TrackRows]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", "length", *spec.feature_names, "label"])
    for track, features in tracks:
        for name, row in zip(_names(track, len(features)), features, strict=True):
            # str gives the shortest digits that name the float32.
            writer.writerow([name, spec.window_samples, *map(str, row), track.genre])
    text.detach()


def _write_parquet(file: IO[bytes], *, spec: FeatureSpec, tracks: Iterable[TrackRows]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    fields: list[Any] = [pa.field("filename", pa.string()), pa.field("length", pa.int32())]
    fields += [pa.field(name, pa.float32()) for name in spec.feature_names]
    fields.append(pa.field("label", pa.string()))
    schema = pa.schema(fields, metadata={METADATA_KEY: json.dumps(described(spec))})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(tracks):
            names = [name for track, rows in group for name in _names(track, len(rows))]
            labels = [track.genre for track, rows in group for _ in rows]
            features = np.concatenate([rows for _, rows in group])
            lengths = np.full(len(features), spec.window_samples, dtype=np.int32)
            columns = [names, lengths, *features.T, labels]
            arrays = [
                pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def described(spec: FeatureSpec) -> dict[str, Any]:
    """Tell what a table was made with: the feature set, its fingerprint and the versions of what made it."""
    return {"feature_set": spec.name, "fingerprint": spec.fingerprint, "versions": dict(_versions())}


def _versions() -> Iterator[tuple[str, str]]:
    for name in _VERSIONED:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _groups(tracks: Iterable[TrackRows]) -> Iterator[list[TrackRows]]:
    group: list[TrackRows] = []
    for entry in tracks:
        group.append(entry)
        if sum(len(rows) for _, rows in group) >= _GROUP_WINDOWS:
            yield group
            group = []
    if group:
        yield group


def _names(track: Track, n_windows: int) -> Sequence[str]:
    return [f"{track.name}.{window}.{track.extension}" for window in range(n_windows)]
