"""A folder becomes a table; a run that is cut short, by whatever, goes on where it ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from tests.paths import REPOSITORY
from tests.training.featurizing.made_up_work import prepare, write_folder
from training.errors import OutputError
from training.feature_table import read_feature_table
from training.featurizing.run import FeaturizePlan, FeaturizeResult, featurize_folder

RUN = """
import sys
from pathlib import Path
from tests.training.featurizing.test_run import featurize
if __name__ == "__main__":
    featurize(Path(sys.argv[1]), Path(sys.argv[2]), n_processes=1)
"""
DEADLINE_SECONDS = 60.0


def featurize(
    folder: Path, out: Path, *, n_processes: int = 2, on_track: Callable[[], None] = lambda: None
) -> FeaturizeResult:
    plan = FeaturizePlan(folder=folder, out=out, n_processes=n_processes, file_seconds=20.0, prepare=prepare)
    return featurize_folder(plan, spec=GTZAN57, on_track=on_track)


@pytest.mark.parametrize(
    "name",
    [
        "table.csv",
        pytest.param("table.csv.gz", marks=pytest.mark.slow),
        pytest.param("table.parquet", marks=pytest.mark.slow),
    ],
)
def test_a_table_of_each_form_reads_back_with_what_was_computed(tmp_path: Path, name: str) -> None:
    folder = write_folder(
        tmp_path / "music",
        {"rock/a.wav": "12", "rock/b.wav": "no audio", "jazz/c,d.mp3": "0.1", "x.wav": "", "notes.txt": ""},
    )
    result = featurize(folder, tmp_path / name, n_processes=1)
    assert (result.n_tracks, result.n_windows, result.n_kept) == (2, 3, 0)
    assert result.genres == {"rock": 1, "jazz": 1}
    assert [(file.place, file.reason) for file in result.bad] == [
        ("rock/b.wav", "not_audio"),
        ("x.wav", "no_genre"),
    ]
    table = read_feature_table(tmp_path / name, spec=GTZAN57)
    assert table.tracks.tolist() == ["jazz.c,d", "rock.a", "rock.a"]
    ramp = np.arange(GTZAN57.width)
    values = np.array([0.1 + ramp, 12 + ramp, 12 + ramp], dtype=np.float32)
    assert table.inputs.tobytes() == values.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["music", name]


@pytest.mark.slow
def test_the_same_folder_gives_the_same_bytes_whichever_track_ends_first(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "music", {"a/slow.wav": "slow", "b/quick.wav": "11", "c/d.wav": "12"})
    for ending in ("csv.gz", "parquet"):
        featurize(folder, tmp_path / f"one.{ending}", n_processes=1)
        featurize(folder, tmp_path / f"two.{ending}", n_processes=2)
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def test_where_no_file_can_be_read_no_table_is_written(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "music", {"rock/a.wav": "no audio"})
    result = featurize(folder, tmp_path / "table.csv")
    assert result.n_tracks == 0
    assert len(result.bad) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["music"]


@pytest.mark.parametrize("name", ["table.xlsx", "table", "none/table.csv", "folder.csv"])
def test_a_table_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    folder = write_folder(tmp_path / "music", {"rock/a.wav": "11"})
    with pytest.raises(OutputError):
        featurize(folder, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "music"]


class Stop(BaseException):
    """What ends a run from outside."""


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_what_changed_is(tmp_path: Path) -> None:
    contents = {f"rock/{number}.wav": f"{number}1" for number in range(6)}
    folder = write_folder(tmp_path / "music", contents)
    done = 0

    def stop_at_the_third() -> None:
        nonlocal done
        done += 1
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        featurize(folder, tmp_path / "table.csv", n_processes=1, on_track=stop_at_the_third)
    assert not (tmp_path / "table.csv").exists()
    (folder / "rock/0.wav").write_text("9999991")
    again = 0

    def count() -> None:
        nonlocal again
        again += 1

    result = featurize(folder, tmp_path / "table.csv", on_track=count)
    assert (result.n_kept, again, result.n_tracks) == (2, 4, 6)
    table = read_feature_table(tmp_path / "table.csv", spec=GTZAN57, min_genres=1)
    assert table.inputs[:, 0].tolist() == [9999991, 11, 21, 31, 41, 51]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children_of(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in listed}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="lists a process's children in /proc")
def test_a_run_that_is_killed_leaves_no_process_and_no_half_table_and_goes_on(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "music", {f"rock/{number:02d}.wav": "slow" for number in range(40)})
    out = tmp_path / "table.parquet"
    parts = tmp_path / ".table.parquet.parts"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(out)], cwd=REPOSITORY, stderr=subprocess.PIPE
    )
    with process:
        try:
            wait_for(lambda: parts.exists() and parts.stat().st_size > 1_000)
            children = children_of(process.pid)
        finally:
            process.send_signal(signal.SIGKILL)
    assert children
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert not out.exists()
    result = featurize(folder, out)
    assert result.n_kept >= 3
    assert (result.n_tracks, result.n_windows) == (40, 40)
    assert not parts.exists()
