"""A table is read whole and in order, or refused in one line that says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizer.spec import GTZAN57
from tests.training.small_tables import frame, two_genres, written
from training.errors import DataError
from training.feature_table import file_id, load_feature_table, read_feature_table
from training.windows import LabelledWindows, join, without_repeats


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


def test_windows_without_a_label_are_refused(tmp_path: Path) -> None:
    table = frame(["a.0.wav", "a.1.wav"], ["rock", "rock"]).astype({"label": object})
    table.loc[1, "label"] = None
    with pytest.raises(DataError, match=r"without a label.*count=1"):
        read_feature_table(written(tmp_path, table), spec=GTZAN57)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_whatever_the_order_each_value_comes_back_under_its_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.integers(0, 10**9 - 1), min_size=2, max_size=6, unique=True))
    value = st.floats(width=32, allow_nan=False, allow_infinity=False)
    few = data.draw(st.lists(value, min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.choice(np.array(few, dtype=np.float32), (len(numbers), GTZAN57.width))
    tracks = [data.draw(st.sampled_from(["a.b", 'z, "q"', "u\nv", "é.1"])) for _ in numbers]
    rows = frame(
        [f"{track}.{number}.wav" for track, number in zip(tracks, numbers, strict=True)],
        [track[0] for track in tracks],
    )
    rows[list(GTZAN57.feature_names)] = values
    path = written(tmp_path_factory.mktemp("table"), rows[rng.permutation(rows.columns)])
    found = load_feature_table(path, spec=GTZAN57, min_genres=1).windows
    order = sorted(range(len(numbers)), key=lambda row: (tracks[row], numbers[row]))
    assert (found.inputs == values[order]).all()
    assert found.tracks.tolist() == [tracks[row] for row in order]


def test_a_decimal_comma_is_shown_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = two_genres()
    rows["chroma_stft_mean"] += 0.5
    rows.to_csv(path, index=False, sep=";", decimal=",")
    with pytest.raises(DataError, match=r"row=2 column=chroma_stft_mean value='0,5'"):
        read_feature_table(path, spec=GTZAN57)


def test_a_window_that_is_there_twice_is_refused_by_its_number(tmp_path: Path) -> None:
    rows = frame(["a.1.wav", "a.2.wav", "b.7.wav", "a.02.mp3"], ["jazz", "jazz", "rock", "jazz"])
    with pytest.raises(DataError, match=r"more than once.*count=1 first: track=a window=2 rows=2"):
        read_feature_table(written(tmp_path, rows), spec=GTZAN57)


def test_equal_rows_of_different_windows_are_legal_and_counted(tmp_path: Path) -> None:
    rows = two_genres(3)
    rows.loc[1, list(GTZAN57.feature_names)] = rows.loc[0, list(GTZAN57.feature_names)]
    rows.loc[4, list(GTZAN57.feature_names)] = rows.loc[0, list(GTZAN57.feature_names)]
    table = load_feature_table(written(tmp_path, rows), spec=GTZAN57)
    assert len(table.windows) == 6
    assert table.n_repeated == 1  # the other one has another label


def test_one_genre_is_refused_unless_it_is_enough(tmp_path: Path) -> None:
    path = written(tmp_path, frame(["a.0.wav", "b.0.wav"], ["rock", " rock "]))
    with pytest.raises(DataError, match=r"too few genres.*genres=rock wanted: at least 2"):
        read_feature_table(path, spec=GTZAN57)
    assert read_feature_table(path, spec=GTZAN57, min_genres=1).genres.tolist() == ["rock", "rock"]


def test_unknown_labels_are_refused_by_name_or_counted(tmp_path: Path) -> None:
    rows = frame(["a.0.wav", "b.0.wav", "c.0.wav", "c.1.wav"], ["rock", "jazz", "soul", "soul"])
    path = written(tmp_path, rows)
    known = frozenset({"rock", "jazz", "blues"})
    with pytest.raises(DataError, match=r"labels=soul \(2 windows\) known=blues, jazz, rock"):
        read_feature_table(path, spec=GTZAN57, known_genres=known)
    table = load_feature_table(path, spec=GTZAN57, known_genres=known, unknown="leave out")
    assert table.left_out == {"soul": 2}
    assert table.windows.track_names == ["a", "b"]


def test_a_label_of_spaces_is_none_and_its_row_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, frame(["a.0.wav", "a.1.wav"], ["rock", "  "]))
    with pytest.raises(DataError, match=r"without a label.*count=1 first: row=3"):
        read_feature_table(path, spec=GTZAN57)


def test_rows_are_counted_on_beyond_the_first_piece(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `export`")
    rows = two_genres(9_000)
    rows.loc[17_500, "tempo"] = np.inf
    rows.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(DataError, match="row=17501 column=tempo value='inf' count=1"):
        read_feature_table(tmp_path / "table.parquet", spec=GTZAN57)


def test_a_file_is_named_by_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    assert file_id(path) == "a.csv@ba7816bf8f01"  # FIPS 180-2's own example
