"""The command trains a model that can be served, and says in one line what is wrong with bad input."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from featurizer.spec import GTZAN57
from modelzoo import OnnxScorer, Registry
from tests.training.synthetic import GENRES, write_data
from training.cli import app


def train(data: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(
        app, ["default", "--data", str(data), "--out", str(out), "--epochs", "2", *more]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
def test_the_default_command_makes_a_model_that_can_be_served_and_makes_it_again(
    data: Path, tmp_path: Path
) -> None:
    first, again = train(data, tmp_path / "a"), train(data, tmp_path / "b")
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    artifact = Registry(tmp_path / "a").load("gtzan57-mlp", version="1.1.0")
    scorer = OnnxScorer(artifact, device="cpu")
    assert scorer(np.ones((3, GTZAN57.width), dtype=np.float32)).shape == (3, len(GENRES))
    assert (
        hashlib.sha256(Registry(tmp_path / "b").load("gtzan57-mlp").model).hexdigest()
        == artifact.manifest.sha256
    )
    assert [path.name for path in (tmp_path / "a/gtzan57-mlp").iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_the_card_and_manifest_report_every_protocol_and_the_audio(data: Path, tmp_path: Path) -> None:
    result = train(data, tmp_path, "--version", "2.3.4", "--seed", "7", "--members", "2")
    assert result.exit_code == 0, result.output
    card = Path(result.stdout.strip().splitlines()[-1]).read_text()
    for text in (
        "## Accuracy",
        "it **leaks**",
        "## Confidence",
        "## What it is bad at",
        "Research use only",
        "--seed 7",
        "--members 2",
        "The mean of 2 multilayer perceptrons",
    ):
        assert text in card
    metrics = Registry(tmp_path).load("gtzan57-mlp", version="2.3.4").manifest.metrics
    assert {"random_windows", "grouped_by_track", "fault_filtered", "calibration"} < set(metrics)
    assert metrics["audio_gtzan_snippets"]["track_accuracy"].n == 1
    assert metrics["fault_filtered"]["track_accuracy"].seeds == 5


def test_help_says_what_the_data_folder_must_hold() -> None:
    result = CliRunner().invoke(app, ["default", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "gtzan_3s.csv.gz" in result.output
    assert "no test track" in " ".join(result.output.split())


def drop_a_column(data: Path) -> None:
    path = data / "features/dsmusic_3s.csv.gz"
    pd.read_csv(path).drop(columns=["tempo"]).to_csv(path, index=False)


def spoil_a_value(data: Path) -> None:
    path = data / "features/gtzan_3s.csv.gz"
    table = pd.read_csv(path)
    table.loc[5, "tempo"] = np.nan
    table.to_csv(path, index=False)


def lose_a_genre(data: Path) -> None:
    path = data / "gtzan_split/train_filtered.txt"
    rest = data / "gtzan_split/valid_filtered.txt"
    for file in (path, rest):
        kept = [line for line in file.read_text().splitlines() if not line.startswith("jazz")]
        file.write_text("\n".join(kept))


def lose_the_folder(data: Path) -> None:
    data.rename(data.with_name("elsewhere"))


def lose_a_list(data: Path) -> None:
    (data / "gtzan_split/test_filtered.txt").unlink()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lose_the_folder, "not there"),
        (drop_a_column, "missing=tempo"),
        (spoil_a_value, "row=7 column=tempo"),
        (lose_a_genre, "jazz"),
        (lose_a_list, "test_filtered.txt"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_artifact(
    data: Path, tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    copied = tmp_path / "data"
    shutil.copytree(data, copied)
    harm(copied)
    result = train(copied, tmp_path / "out")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in result.output
    assert list((tmp_path / "out").rglob("*.*")) == []


def test_a_version_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out/gtzan57-mlp/1.1.0").mkdir(parents=True)
    result = train(tmp_path / "no-data-needed", tmp_path / "out")
    assert result.exit_code == 1
    assert "--replace" in result.stderr
