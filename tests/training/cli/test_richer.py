"""The command answers from the features that are kept, as text and as JSON, and refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.training.synthetic import write_data
from training.cli.app import app
from training.featurizing.walk import Track
from training.featurizing.write import write_table
from training.richer.features import GTZAN57_PLUS


def richer(folder: Path, *arguments: str) -> Result:
    given = ["--audio", str(folder / "music"), "--split", str(folder / "data/gtzan_split")]
    return CliRunner().invoke(app, ["richer", *given, "--out", str(folder / "out"), *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lists of a split, and kept features of its tracks whose added columns alone tell their genres."""
    write_data(tmp_path / "data", audio=False)
    (tmp_path / "out").mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for place, genre in enumerate(("blues", "jazz", "rock")):
        for number in range(12):
            name = f"{genre}.{number:05d}"
            path = Path(f"{name}.wav")
            track = Track(path=path, place=name, name=name, genre=genre, size_bytes=0, changed_ns=0)
            values = rng.normal(size=(3, GTZAN57_PLUS.width)).astype(np.float32) ** 2
            values[:, 57:] += 5 * place
            rows.append((track, values))
    write_table(tmp_path / "out/music.parquet", spec=GTZAN57_PLUS, tracks=rows)
    return tmp_path


@pytest.mark.slow
def test_the_answer_names_both_accuracies_their_difference_and_its_interval(folder: Path) -> None:
    result = richer(folder, "--models", "logistic", "--seeds", "1", "--quick")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "validation artists"
    assert lines[1].split()[0] == "logistic"
    assert lines[-1] == "gtzan57+ is worth adopting: the test's accuracy rises"
    told = json.loads(richer(folder, "--models", "logistic", "--seeds", "1", "--quick", "--json").stdout)
    assert told["adopted"] is True
    assert told["test"]["richer"] == 1.0
    assert 0 < told["test"]["low"] <= told["test"]["difference"] <= told["test"]["high"]
    assert (told["test"]["n_tracks"], told["test_lacks_genres"], told["seeds"]) == (9, [], 1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--models", "oracle"], "there is no such model, model=oracle"),
        (["--split", "nowhere"], "a list of the split cannot be read"),
        (["--audio", "music"], "two folders of audio have one name"),
    ],
)
def test_what_it_cannot_work_with_is_told_in_one_line(folder: Path, arguments: list[str], match: str) -> None:
    result = richer(folder, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert match in result.stderr
    assert len(result.stderr.splitlines()) == 1
