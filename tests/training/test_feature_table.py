"""A table is read whole and in order, or refused in one line that says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from featurizer.spec import GTZAN57
from training.errors import DataError
from training.feature_table import read_feature_table
from training.windows import LabelledWindows, join, without_repeats


def frame(filenames: list[str], labels: list[str]) -> pd.DataFrame:
    columns: dict[str, object] = {"filename": filenames, "label": labels}
    for place, name in enumerate(GTZAN57.feature_names):
        columns[name] = [float(row * 100 + place) for row in range(len(filenames))]
    return pd.DataFrame(columns)


def written(folder: Path, table: pd.DataFrame) -> Path:
    path = folder / "table.csv"
    table.to_csv(path, index=False)
    return path


def table_of(rows: list[tuple[float, str, str]]) -> LabelledWindows:
    return LabelledWindows(
        inputs=np.array([[value] * 3 for value, _, _ in rows], dtype=np.float32),
        genres=np.array([genre for _, genre, _ in rows]),
        tracks=np.array([track for _, _, track in rows]),
        weights=np.ones(len(rows), dtype=np.float32),
    )


def test_windows_come_in_order_of_track_and_time_whatever_the_files_order(tmp_path: Path) -> None:
    names = ["rock.00001.10.wav", "blues.00000.1.wav", "rock.00001.9.wav", "blues.00000.0.wav"]
    path = written(
        tmp_path,
        frame(names, ["rock", "blues", "rock", "blues"])[["label", *frame([], []).columns[2:], "filename"]],
    )
    table = read_feature_table(path, spec=GTZAN57, collection="mine/")
    assert table.tracks.tolist() == ["mine/blues.00000"] * 2 + ["mine/rock.00001"] * 2
    assert table.genres.tolist() == ["blues", "blues", "rock", "rock"]
    assert table.inputs[:, 0].tolist() == [300.0, 100.0, 200.0, 0.0]
    assert table.inputs.shape == (4, GTZAN57.width)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, frame(["a.0.wav"], ["rock"]).drop(columns=["tempo"]))
    with pytest.raises(DataError, match="missing=tempo"):
        read_feature_table(path, spec=GTZAN57)


@pytest.mark.parametrize("value", ["", "loud", "inf", "1e39"])
def test_what_is_no_finite_float32_is_refused_with_its_place(tmp_path: Path, value: str) -> None:
    table = frame(["a.0.wav", "a.1.wav"], ["rock", "rock"]).astype({"tempo": object})
    table.loc[1, "tempo"] = value
    with pytest.raises(DataError, match="row=3 column=tempo"):
        read_feature_table(written(tmp_path, table), spec=GTZAN57)


def test_a_track_with_two_labels_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, frame(["a.0.wav", "a.1.wav"], ["rock", "jazz"]))
    with pytest.raises(DataError, match="two labels"):
        read_feature_table(path, spec=GTZAN57)


@pytest.mark.parametrize("name", ["a.wav", "a", "a.x.wav", ""])
def test_a_file_name_without_a_window_number_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="row=2"):
        read_feature_table(written(tmp_path, frame([name], ["rock"])), spec=GTZAN57)


def test_an_absent_empty_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        read_feature_table(tmp_path / "none.csv", spec=GTZAN57)
    with pytest.raises(DataError, match="no rows"):
        read_feature_table(written(tmp_path, frame([], [])), spec=GTZAN57)
    for content in (b"", b"\xff\xfe\x00garbage"):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(DataError):
            read_feature_table(tmp_path / "bad.csv", spec=GTZAN57)
    (tmp_path / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03cut")
    with pytest.raises(DataError):
        read_feature_table(tmp_path / "cut.csv.gz", spec=GTZAN57)


def test_repeats_stay_once_and_go_altogether_where_their_labels_differ() -> None:
    table = table_of(
        [
            (1.0, "rock", "a"),
            (2.0, "rock", "a"),
            (1.0, "rock", "b"),
            (3.0, "rock", "b"),
            (3.0, "metal", "c"),
            (4.0, "metal", "c"),
        ]
    )
    kept = without_repeats(table)
    assert kept.inputs[:, 0].tolist() == [1.0, 2.0, 4.0]
    assert kept.tracks.tolist() == ["a", "a", "c"]


def test_taking_and_leaving_tracks_divide_a_table() -> None:
    table = table_of([(1.0, "rock", "a"), (2.0, "rock", "b"), (3.0, "jazz", "c")])
    some = frozenset({"a", "c", "unknown"})
    assert table.of_tracks(some).track_names == ["a", "c"]
    assert table.without_tracks(some).track_names == ["b"]
    assert len(join([table, table])) == 6
    assert table.targets(("jazz", "rock")).tolist() == [1, 1, 0]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `export`")
    rows = frame(["b.1.wav", "a.0.wav", "b.0.wav"], ["rock", "jazz", "rock"])
    rows.to_parquet(tmp_path / "table.parquet")
    from_csv = read_feature_table(written(tmp_path, rows), spec=GTZAN57)
    found = read_feature_table(tmp_path / "table.parquet", spec=GTZAN57)
    assert found.tracks.tolist() == from_csv.tracks.tolist() == ["a", "b", "b"]
    assert found.genres.tolist() == from_csv.genres.tolist()
    assert (found.inputs == from_csv.inputs).all()


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"filename,label\n")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_feature_table(path, spec=GTZAN57)
    with pytest.raises(DataError, match="not there"):
        read_feature_table(tmp_path / "missing.parquet", spec=GTZAN57)


def test_windows_without_a_label_are_refused(tmp_path: Path) -> None:
    table = frame(["a.0.wav", "a.1.wav"], ["rock", "rock"]).astype({"label": object})
    table.loc[1, "label"] = None
    with pytest.raises(DataError, match=r"without a label.*count=1"):
        read_feature_table(written(tmp_path, table), spec=GTZAN57)
