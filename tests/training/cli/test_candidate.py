"""A candidate of any kind over features can be served, compared and refused like the default model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from featurizer.spec import GTZAN57
from modelzoo import OnnxScorer
from modelzoo.registry import read_artifact
from tests.training.synthetic import GENRES, write_data
from training.cli import app
from training.held_out import read_held_out


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
def test_a_linear_model_becomes_an_artifact_that_is_served_and_compared(tmp_path: Path) -> None:
    data, registry = write_data(tmp_path / "data", audio=False), tmp_path / "registry"
    made = run(
        *("candidate", "--model", "logistic", "--data", str(data), "--out", str(tmp_path / "candidates")),
        *("--version", "0.1.0", "--seeds", "1"),
    )
    assert made.exit_code == 0, made.output
    folder = Path(made.stdout.strip().splitlines()[-1]).parent
    assert folder == tmp_path / "candidates/gtzan57-logistic/0.1.0"
    scorer = OnnxScorer(read_artifact(folder), device="cpu")
    probabilities = scorer(np.full((4, GTZAN57.width), 10.0, dtype=np.float32))
    assert probabilities.shape == (4, len(GENRES))
    assert scorer.manifest.metrics["export"]["largest_difference"].mean <= 1e-5
    assert len(read_held_out(folder).tracks) == 23
    assert "--model logistic" in (folder / "CARD.md").read_text()
    # A registry that lacks the name looks to the packaged default, which knows ten genres.
    refused = run("promote", str(folder), "--registry", str(registry))
    assert refused.exit_code == 1
    assert "differs=genres" in refused.stderr


def test_what_is_no_model_over_features_is_one_line(tmp_path: Path) -> None:
    result = run("candidate", "--model", "no-such", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert not (tmp_path / "out").exists()
