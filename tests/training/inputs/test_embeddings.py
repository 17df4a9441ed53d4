"""Embeddings are read with their tracks and genres, or refused in one line, and never run what is in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.paths import DATA
from training.errors import DataError
from training.inputs.embeddings import read_embeddings

FOLDER = DATA / "embeddings"
BOTH = [FOLDER / f"{side}_data_GTZAN_MSDmusicnn_taggram.npz" for side in ("training", "evaluation")]


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def rows_of(tracks: list[str], *, width: int = 3, first: float = 0.0) -> dict[str, Any]:
    values = first + np.arange(len(tracks) * width, dtype=np.float64).reshape(len(tracks), width)
    return {"X": values, "Y": np.zeros(len(tracks), np.int64), "IDS": np.array(tracks)}


def test_rows_come_by_track_in_their_own_order_from_all_files(tmp_path: Path) -> None:
    first = written(
        tmp_path / "a.npz", **rows_of(["rock/rock.00001.au", "jazz/jazz.00000.au", "rock/rock.00001.au"])
    )
    second = written(tmp_path / "b.npz", **rows_of(["any/where/blues/b.1.wav"], first=9.0))
    table = read_embeddings([first, second])
    assert table.tracks.tolist() == ["b.1", "jazz.00000", "rock.00001", "rock.00001"]
    assert table.genres.tolist() == ["blues", "jazz", "rock", "rock"]
    assert table.inputs.tolist() == [[9, 10, 11], [3, 4, 5], [0, 1, 2], [6, 7, 8]]
    assert table.inputs.dtype == np.float32
    assert table.weights.tolist() == [1.0] * 4


class Planted:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_python_objects_are_refused_and_do_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pickle.loads(pickle.dumps(Planted(ran)))  # noqa: S301 - shows that the plant would work
    ran.unlink()
    arrays = rows_of(["rock/a.wav"]) | {"IDS": np.array([Planted(ran)], dtype=object)}
    with pytest.raises(DataError, match=r"cannot be read as npz.*[Oo]bject"):
        read_embeddings([written(tmp_path / "a.npz", **arrays)])
    assert not ran.exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"X": np.zeros((1, 3))}, r"name of its file.*shape=\(2,\).*rows=1"),
        ({"X": np.zeros(2)}, r"rows of numbers.*shape=\(2,\)"),
        ({"X": np.zeros((2, 0))}, "rows of numbers"),
        ({"X": np.array([["a"], ["b"]])}, "rows of numbers.*dtype=<U1"),
        ({"X": np.array([[1.0, 2.0], [3.0, np.nan]])}, "count=1 first: row=1 column=1"),
        ({"X": np.array([[1.0], [1e39]])}, "no finite numbers"),
        ({"IDS": np.array([1, 2])}, "name of its file.*dtype=int64"),
        ({"IDS": np.array(["rock.00000.au", "jazz/b.au"])}, "not genre/track.suffix.*'rock.00000.au'"),
        ({"IDS": np.array(["rock/a.au", "jazz/a.au"])}, "two labels.*track=a: jazz, rock"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    arrays = rows_of(["rock/a.au", "jazz/b.au"]) | change
    with pytest.raises(DataError, match=match) as caught:
        read_embeddings([written(tmp_path / "a.npz", **arrays)])
    assert "\n" not in str(caught.value)


def test_what_is_no_npz_or_lacks_an_array_is_refused(tmp_path: Path) -> None:
    good = written(tmp_path / "good.npz", **rows_of(["rock/a.au"] * 50))
    content = good.read_bytes()
    for bad in (b"", b"filename,label\n", content[: len(content) // 2]):
        (tmp_path / "bad.npz").write_bytes(bad)
        with pytest.raises(DataError, match="cannot be read as npz"):
            read_embeddings([tmp_path / "bad.npz"])
    with pytest.raises(DataError, match=r"lack arrays.*missing=IDS found=X"):
        read_embeddings([written(tmp_path / "bad.npz", X=np.zeros((1, 2)))])
    with pytest.raises(DataError, match="not there"):
        read_embeddings([tmp_path / "none.npz"])
    with pytest.raises(DataError, match="no file"):
        read_embeddings([])


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    first = written(tmp_path / "a.npz", **rows_of(["rock/a.au"]))
    with pytest.raises(DataError, match=r"two widths, .*a\.npz: 3 .*b\.npz: 4"):
        read_embeddings([first, written(tmp_path / "b.npz", **rows_of(["rock/b.au"], width=4))])
    with pytest.raises(DataError, match="track is in two files, track=a"):
        read_embeddings([first, written(tmp_path / "c.npz", **rows_of(["rock/a.au"]))])


@pytest.mark.skipif(not BOTH[0].is_file(), reason=f"no embeddings at {FOLDER}: set GENRESTREAM_DATA")
def test_the_published_taggrams_hold_both_sides_of_the_split() -> None:
    table = read_embeddings(BOTH)
    assert table.inputs.shape == (12_415 + 8_127, 50)
    assert len(table.track_names) == 443 + 290
    assert len(np.unique(table.genres)) == 10
    assert all(track.startswith(genre) for track, genre in zip(table.tracks, table.genres, strict=True))
    assert ((table.inputs >= 0) & (table.inputs <= 1)).all()
