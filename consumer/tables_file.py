"""Turns rows into a Parquet, CSV or JSON Lines file that appears whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import numpy as np

from consumer.errors import SettingsError
from featurizer.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

TableFormat = Literal["parquet", "csv", "jsonl"]
ColumnKind = Literal["text", "integer", "float64", "float32", "boolean", "moment"]
Row = Mapping[str, Any]

STANDARD_OUTPUT: Final = Path("-")
_GROUP_ROWS: Final = 16_384
"""Of a row group: what is held in memory at once."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name and kind; a value may be null, and a `moment` is a datetime with its zone."""

    name: str
    kind: ColumnKind


def write_table(path: Path, *, form: TableFormat, columns: Sequence[Column], rows: Iterable[Row]) -> int:
    """Write rows as they come, and give how many there were.

    A file is written beside its place and moved there at the end, so that nobody reads half of it; what fails
    meanwhile leaves nothing behind.

    Parameters
    ----------
    path : Path
        `-` is standard output, for text.
    form : {"parquet", "csv", "jsonl"}
        What is written.
    columns : sequence of Column
        In order; a row's other values are left out, and one that it lacks is null.
    rows : iterable of Mapping
        By name of column.

    Raises
    ------
    SettingsError
        The file cannot be written, or Parquet is to go to standard output.
    MissingExtraError
        Parquet needs pyarrow, which is not installed.
    """
    if form == "parquet":
        if path == STANDARD_OUTPUT:
            raise SettingsError("Parquet is no text: name a file")
        _require_pyarrow()
    write = _WRITERS[form]
    if path == STANDARD_OUTPUT:
        count = write(sys.stdout, columns, rows)
        sys.stdout.flush()
        return count
    with _replacing(path, text=form != "parquet") as file:
        return write(file, columns, rows)


@contextmanager
def _replacing(path: Path, *, text: bool) -> Iterator[IO[Any]]:
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as exc:
        raise SettingsError(f"cannot write {str(path)!r}: {exc.strerror}") from exc
    try:
        mode: dict[str, Any] = {"encoding": "utf-8", "newline": ""} if text else {}
        with os.fdopen(handle, "w" if text else "wb", **mode) as file:
            yield file
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except OSError as exc:
        raise SettingsError(f"cannot write {str(path)!r}: {exc.strerror}") from exc
    finally:
        Path(scratch).unlink(missing_ok=True)


def _write_csv(file: IO[str], columns: Sequence[Column], rows: Iterable[Row]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    count = 0
    for row in rows:
        writer.writerow([_cell(row.get(column.name), column.kind) for column in columns])
        count += 1
    return count


def _write_jsonl(file: IO[str], columns: Sequence[Column], rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        values = {column.name: _plain(row.get(column.name), column.kind) for column in columns}
        file.write(json.dumps(values, ensure_ascii=False, separators=(", ", ": ")) + "\n")
        count += 1
    return count


def _write_parquet(file: IO[bytes], columns: Sequence[Column], rows: Iterable[Row]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(column.name, _arrow_type(column.kind)) for column in columns])
    left, count = iter(rows), 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(left, _GROUP_ROWS)):
            arrays = [pa.array([row.get(field.name) for row in group], type=field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


_WRITERS: Final[Mapping[TableFormat, Callable[[IO[Any], Sequence[Column], Iterable[Row]], int]]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}


def _arrow_type(kind: ColumnKind) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    make: dict[ColumnKind, Callable[[], pa.DataType]] = {
        "text": pa.string,
        "integer": pa.int64,
        "float64": pa.float64,
        "float32": pa.float32,
        "boolean": pa.bool_,
        "moment": lambda: pa.timestamp("us", tz="UTC"),
    }
    return make[kind]()


def _cell(value: Any, kind: ColumnKind) -> Any:
    if value is None:
        return ""
    return ("true" if value else "false") if kind == "boolean" else _plain(value, kind)


def _plain(value: Any, kind: ColumnKind) -> Any:
    """Give a value as text and JSON have it: times as RFC 3339, a float32 by its own shortest digits."""
    if value is None:
        return None
    if kind == "moment":
        moment: datetime = value
        return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
    if kind == "float32":
        return float(str(np.float32(value)))
    return value


def _require_pyarrow() -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415, F401 - an extra
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            "pyarrow is not installed, without which no Parquet is written: pip install 'genrestream[export]'"
        ) from exc
