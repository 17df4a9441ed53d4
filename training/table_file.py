"""Turns a CSV or Parquet file into pieces of a table with the columns that are asked for, or says what it is.

A table of any length passes through piece by piece, so that the file's own size never lies in memory.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import pandas as pd

from featurizer.spec import FeatureSpec
from training.errors import DataError

TEXTS: Final = ("filename", "label")
_PIECE_ROWS: Final = 16_384
_MAX_HEADER_BYTES: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_OTHERS: Final = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"PK\x03\x04": "a zip archive (a spreadsheet, an npz)",
    b"\x93NUMPY": "a numpy array",
    b"%PDF": "a PDF document",
    b"RIFF": "a RIFF file (a WAV)",
    b"fLaC": "FLAC audio",
    b"OggS": "Ogg audio",
    b"SQLite": "a database",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive rows of a table.

    Attributes
    ----------
    frame : DataFrame
        `filename`, `label` and the features, under these names; others may be there.
    first_row : int
        Number of its first row in the file, as an editor counts lines: a CSV's header is row 1.
    """

    frame: pd.DataFrame
    first_row: int


def read_pieces(path: Path, *, spec: FeatureSpec) -> Iterator[Piece]:
    """Read a table piece by piece.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with commas, semicolons or tabs between, plain or gzipped, or Parquet. Parquet that names
        the fingerprint of its feature set (`training.featurizing.write`) has to name this spec's.
    spec : FeatureSpec
        Names the features.

    Yields
    ------
    Piece
        Not checked but for its columns.

    Raises
    ------
    DataError
        The file is missing, a folder, empty, no table or cut short, lacks a column or has one twice, or holds
        another feature set.
    """
    if path.is_dir():
        raise DataError(f"the table is a folder, path={path}: name a file")
    if not path.is_file():
        raise DataError(f"the table is not there, path={path}")
    head = _head(path)
    if path.suffix == ".parquet" or head.startswith(_PARQUET):
        return _parquet_pieces(path, spec=spec)
    if not head:
        raise DataError(f"the table is an empty file, path={path}")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise DataError(f"the file is no table but {what}, path={path}")
    return _csv_pieces(path, packed=head.startswith(_GZIP), spec=spec)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as exc:
        raise DataError(f"the table cannot be read, path={path}: {exc.strerror}") from exc


def _csv_pieces(path: Path, *, packed: bool, spec: FeatureSpec) -> Iterator[Piece]:
    names, delimiter = _header(path, packed=packed)
    _require_columns([name.strip() for name in names], path=path, spec=spec)
    row = 2
    with _csv_errors(path), _open(path, packed=packed) as file:
        pieces = pd.read_csv(
            file,
            sep=delimiter,
            encoding="utf-8-sig",
            dtype={name: str for name in names if name.strip() in TEXTS},
            chunksize=_PIECE_ROWS,
            low_memory=False,
        )
        for frame in pieces:
            if not isinstance(frame.index, pd.RangeIndex):  # pandas took the surplus for row names
                raise DataError(f"the rows hold more values than the header has names, path={path} row={row}")
            frame.columns = frame.columns.str.strip()
            yield Piece(frame, row)
            row += len(frame)


def _header(path: Path, *, packed: bool) -> tuple[list[str], str]:
    with _csv_errors(path), _open(path, packed=packed) as file:
        line = file.readline(_MAX_HEADER_BYTES).decode("utf-8-sig").rstrip("\r\n")
    if "\0" in line:
        raise DataError(f"the file is no table of text, path={path}: it holds zero bytes")
    delimiter = max(",;\t", key=line.count)
    return next(csv.reader([line], delimiter=delimiter), []), delimiter


def _open(path: Path, *, packed: bool) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if packed else path.open("rb")


@contextmanager
def _csv_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as exc:
        raise DataError(f"the table cannot be read as CSV, path={path}: the file is cut short") from exc
    except (OSError, ValueError, zlib.error, csv.Error) as exc:
        # pandas' own errors (rows of two lengths, not UTF-8) are all ValueErrors.
        why = " ".join(str(exc).split())
        raise DataError(f"the table cannot be read as CSV, path={path}: {why}") from exc


def _parquet_pieces(path: Path, *, spec: FeatureSpec) -> Iterator[Piece]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as exc:
        raise DataError(f"Parquet needs pyarrow, path={path}: pip install 'genrestream[export]'") from exc
    row = 1
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _require_columns(schema.names, path=path, spec=spec)
            _require_set(schema.metadata or {}, path=path, spec=spec)
            _require_types(schema, path=path, spec=spec)
            for batch in file.iter_batches(batch_size=_PIECE_ROWS, columns=[*TEXTS, *spec.feature_names]):
                yield Piece(batch.to_pandas(), row)
                row += len(batch)
    except (OSError, ValueError, pa.ArrowException) as exc:
        why = " ".join(str(exc).split())
        raise DataError(f"the table cannot be read as Parquet, path={path}: {why}") from exc


def _require_columns(names: Sequence[str], *, path: Path, spec: FeatureSpec) -> None:
    wanted = (*TEXTS, *spec.feature_names)
    missing = [name for name in wanted if name not in names]
    if missing:
        more = ", ..." if len(missing) > 5 else ""
        raise DataError(
            f"the table lacks columns, path={path} count={len(missing)} "
            f"missing={', '.join(missing[:5])}{more}"
        )
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise DataError(f"the table has a column twice, path={path} column={', '.join(twice[:5])}")


def _require_set(metadata: dict[bytes, bytes], *, path: Path, spec: FeatureSpec) -> None:
    try:
        told = json.loads(metadata.get(b"genrestream", b"{}"))
    except ValueError:
        return  # another program's note under our name
    made = told.get("fingerprint", spec.fingerprint) if isinstance(told, dict) else spec.fingerprint
    if made != spec.fingerprint:
        raise DataError(
            f"the table holds another feature set, path={path} set={told.get('feature_set')} "
            f"fingerprint={str(made)[:12]} wanted={spec.name} {spec.fingerprint[:12]}: "
            "featurize the audio again"
        )


def _require_types(schema: Any, *, path: Path, spec: FeatureSpec) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    for name in spec.feature_names:
        kind = schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise DataError(f"a feature is no column of numbers, path={path} column={name} type={kind}")
    for name in TEXTS:
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise DataError(f"a column is no text, path={path} column={name} type={kind}")
