"""The command tells what it did, goes on after Ctrl-C, and says in one line what it cannot work with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from featurizer.spec import GTZAN57
from tests.paths import REPOSITORY
from training.cli.app import app

RUN = "from training.start import main\nif __name__ == '__main__':\n    main()\n"
DEADLINE_SECONDS = 60.0


def featurize(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["featurize", *map(str, arguments)])


def write_music(folder: Path, *, n_tracks: int, seconds: float = 4.0) -> Path:
    rng = np.random.default_rng(0)
    for number in range(n_tracks):
        genre = ("jazz", "rock")[number % 2]
        (folder / genre).mkdir(parents=True, exist_ok=True)
        sound = rng.normal(scale=0.1, size=int(seconds * GTZAN57.sample_rate))
        soundfile.write(folder / f"{genre}/{genre}.{number:05d}.wav", sound, GTZAN57.sample_rate)
    return folder


@pytest.mark.parametrize(
    ("out", "match"),
    [("table.txt", "a table ends in .parquet, .csv, .csv.gz"), ("none/table.csv", "folder is not there")],
)
def test_a_bad_place_is_refused_in_one_line(tmp_path: Path, out: str, match: str) -> None:
    result = featurize(tmp_path, "--out", tmp_path / out)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert match in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_without_audio_is_refused_in_one_line(tmp_path: Path) -> None:
    result = featurize(tmp_path, "--out", tmp_path / "table.csv", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: the folder holds no audio")


@pytest.mark.slow
def test_what_was_done_is_told_as_text_and_as_json(tmp_path: Path) -> None:
    folder = write_music(tmp_path / "music", n_tracks=3)
    (folder / "rock/empty.mp3").touch()
    result = featurize(folder, "--out", tmp_path / "table.csv.gz", "--processes", "1", "--genres", "rock")
    assert result.exit_code == 0
    assert "1 tracks of 1 genres, 1 windows" in result.stdout
    assert result.stdout.rstrip().endswith("1 left out")
    assert "left out: rock/empty.mp3: empty_file: " in result.stderr
    assert "only one genre was found, rock" in result.stderr
    told = json.loads(featurize(folder, "--out", tmp_path / "table.parquet", "--json").stdout)
    assert (told["tracks"], told["windows"], told["resumed"]) == (3, 3, 0)
    assert told["genres"] == {"jazz": 2, "rock": 1}
    assert [file["reason"] for file in told["left_out"]] == ["empty_file"]


@pytest.mark.slow
def test_an_interrupted_run_says_so_without_a_traceback_and_goes_on(tmp_path: Path) -> None:
    folder = write_music(tmp_path / "music", n_tracks=30, seconds=30.0)
    out = tmp_path / "table.parquet"
    parts = tmp_path / ".table.parquet.parts"
    command = [sys.executable, "-c", RUN, "featurize", str(folder), "--out", str(out), "--processes", "1"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not parts.exists() or parts.stat().st_size < 10_000:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the children too
        _, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130
    assert said.splitlines() == [
        "featurizing 30 tracks",
        f"stopped: what is done is kept in {parts}; the same command goes on with it",
    ]
    assert not out.exists()
    told = json.loads(featurize(folder, "--out", out, "--json").stdout)
    assert told["tracks"] == 30
    assert told["resumed"] >= 3
