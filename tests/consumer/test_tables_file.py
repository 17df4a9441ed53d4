"""A table is written whole, in each format with the same values, or not at all."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from consumer.errors import SettingsError
from consumer.tables_file import STANDARD_OUTPUT, Column, TableFormat, write_table
from featurizer.errors import MissingExtraError

COLUMNS = (
    Column("track", "text"),
    Column("count", "integer"),
    Column("confidence", "float64"),
    Column("feature", "float32"),
    Column("agrees", "boolean"),
    Column("at", "moment"),
)
ROWS: list[dict[str, Any]] = [
    {
        "track": 'a "quoted", name\nof two lines ü',
        "count": 1,
        "confidence": 0.1,
        "feature": 0.1,
        "agrees": False,
        "at": datetime(2026, 5, 1, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))),
        "unknown": "left out",
    },
    {"track": "b", "count": 0, "agrees": True},
]


def test_csv_holds_the_rows_under_a_header(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert write_table(path, form="csv", columns=COLUMNS, rows=ROWS) == 2
    with path.open(newline="", encoding="utf-8") as file:
        header, first, second = list(csv.reader(file))
    assert header == [column.name for column in COLUMNS]
    assert first == [ROWS[0]["track"], "1", "0.1", "0.1", "false", "2026-05-01T12:00:00.000005Z"]
    assert second == ["b", "0", "", "", "true", ""]


def test_json_lines_hold_an_object_a_row(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    write_table(path, form="jsonl", columns=COLUMNS, rows=ROWS)
    first, second = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert first == {
        "track": ROWS[0]["track"],
        "count": 1,
        "confidence": 0.1,
        "feature": 0.1,
        "agrees": False,
        "at": "2026-05-01T12:00:00.000005Z",
    }
    assert second["feature"] is None


def test_parquet_holds_typed_columns_in_row_groups(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra `export`")
    path = tmp_path / "table.parquet"
    rows = ({**ROWS[0], "count": number} for number in range(20_000))
    assert write_table(path, form="parquet", columns=COLUMNS, rows=rows) == 20_000
    found = pq.ParquetFile(path)
    assert found.num_row_groups == 2
    table = found.read()
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int64",
        "double",
        "float",
        "bool",
        "timestamp[us, tz=UTC]",
    ]
    assert table["count"].to_pylist() == list(range(20_000))
    assert table["at"][0].as_py() == ROWS[0]["at"].astimezone(UTC)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path, form: TableFormat) -> None:
    path = tmp_path / "table"
    path.write_text("old", encoding="utf-8")

    def broken() -> Iterator[dict[str, Any]]:
        yield ROWS[0]
        raise RuntimeError("lost the broker")

    with pytest.raises(RuntimeError, match="lost the broker"):
        write_table(path, form=form, columns=COLUMNS, rows=broken())
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_may_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(STANDARD_OUTPUT, form="csv", columns=COLUMNS[:2], rows=ROWS[1:])
    assert capsys.readouterr().out == "track,count\nb,0\n"


def test_parquet_does_not_go_to_standard_output() -> None:
    with pytest.raises(SettingsError, match="name a file"):
        write_table(STANDARD_OUTPUT, form="parquet", columns=COLUMNS, rows=ROWS)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot write .*missing"):
        write_table(tmp_path / "missing" / "table.csv", form="csv", columns=COLUMNS, rows=ROWS)


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"genrestream\[export\]"):
        write_table(tmp_path / "table.parquet", form="parquet", columns=COLUMNS, rows=ROWS)
