"""A file is read as the table that it is, whatever its name, or one line says what it is instead."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from featurizer.spec import GTZAN57
from tests.training.small_tables import frame, two_genres, written
from training.errors import DataError
from training.feature_table import read_feature_table


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


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no table but a PNG picture"),
        (b"PK\x03\x04" + bytes(100), "no table but a zip archive"),
        (b"filename\0label\n", "zero bytes"),
        ("filename,label\n".encode("utf-16"), "UTF-16"),
        (b"filename,label,tempo\n", r"count=56 missing=chroma_stft_mean, .*, \.\.\."),
        (b"no table at all", "count=59 missing=filename, label"),
    ],
)
def test_what_is_no_table_is_told_by_its_contents(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        read_feature_table(path, spec=GTZAN57)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_feature_table(tmp_path, spec=GTZAN57)


def test_a_gzipped_table_is_known_by_its_contents_and_refused_where_it_is_cut(tmp_path: Path) -> None:
    packed = gzip.compress(two_genres(500).to_csv(index=False).encode())
    path = tmp_path / "table.csv"
    path.write_bytes(packed)
    assert len(read_feature_table(path, spec=GTZAN57)) == 1_000
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cut short"):
        read_feature_table(path, spec=GTZAN57)
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(DataError):
        read_feature_table(path, spec=GTZAN57)


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_tables_of_any_office_program_are_read(tmp_path: Path, mark: str, end: str, between: str) -> None:
    path = tmp_path / "table.csv"
    text = two_genres().to_csv(index=False, sep=between, lineterminator=end)
    path.write_bytes((mark + text).encode())
    expected = read_feature_table(written(tmp_path, two_genres()), spec=GTZAN57)
    path.write_bytes((mark + text).encode())
    found = read_feature_table(path, spec=GTZAN57)
    assert (found.inputs == expected.inputs).all()
    assert found.tracks.tolist() == expected.tracks.tolist()
    assert found.genres.tolist() == ["jazz", "jazz", "rock", "rock"]


def test_a_row_of_another_length_is_refused(tmp_path: Path) -> None:
    lines = two_genres().to_csv(index=False).splitlines()
    path = tmp_path / "table.csv"
    for cut in ([lines[0], *(f"{line},9" for line in lines[1:])], [*lines, f"{lines[-1]},9"]):
        path.write_text("\n".join(cut))
        with pytest.raises(DataError, match=r"more values|Expected 59 fields in line 6, saw 60"):
            read_feature_table(path, spec=GTZAN57)
    path.write_text("\n".join([*lines[:-1], lines[-1].rsplit(",", 2)[0]]))
    with pytest.raises(DataError, match="row=5"):
        read_feature_table(path, spec=GTZAN57)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    lines = two_genres().to_csv(index=False).splitlines()
    path = tmp_path / "table.csv"
    path.write_text("\n".join([f"{lines[0]},tempo", *(f"{line},1" for line in lines[1:])]))
    with pytest.raises(DataError, match=r"twice.* column=tempo"):
        read_feature_table(path, spec=GTZAN57)


def test_parquet_of_another_feature_set_or_type_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra `export`")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "table"  # known by its contents
    table = pa.Table.from_pandas(two_genres(), preserve_index=False)
    for fingerprint, fits in ((GTZAN57.fingerprint, True), ("0" * 64, False)):
        told = json.dumps({"feature_set": "gtzan57", "fingerprint": fingerprint})
        pq.write_table(table.replace_schema_metadata({b"genrestream": told}), path)
        if fits:
            assert len(read_feature_table(path, spec=GTZAN57)) == 4
            continue
        with pytest.raises(DataError, match=r"another feature set.*featurize the audio again"):
            read_feature_table(path, spec=GTZAN57)
    for column, values, match in (
        ("tempo", ["1", "2", "3", "4"], "no column of numbers.*column=tempo type=(large_)?string"),
        ("label", [[1], [2], [3], [4]], "column is no text.*column=label"),
    ):
        place = table.column_names.index(column)
        pq.write_table(table.set_column(place, column, pa.array(values)), path)
        with pytest.raises(DataError, match=match):
            read_feature_table(path, spec=GTZAN57)
    pq.write_table(table.append_column("tempo", table["tempo"]), path)
    with pytest.raises(DataError, match=r"twice|cannot be read as Parquet"):
        read_feature_table(path, spec=GTZAN57)
