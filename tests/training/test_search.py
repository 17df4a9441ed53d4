"""A search tries recipes on folds of artists, remembers every trial and goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.training.synthetic import write_data
from training.cli import app
from training.default_model import DEFAULT_RECIPE
from training.recipe import Recipe


def search(data: Path, out: Path, *more: str) -> Result:
    options = ["--processes", "1", "--folds", "2", "--timeout-minutes", "5"]
    return CliRunner().invoke(app, ["search", "--data", str(data), "--out", str(out), *options, *more])


def trials(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["trials"]
    return found


@pytest.mark.slow
def test_a_search_begins_with_the_recipe_in_use_and_goes_on_where_it_was(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data", audio=False), tmp_path / "found/search.json"
    first = search(data, out, "--trials", "2")
    assert first.exit_code == 0, first.output
    assert "trial 1 of 2" in first.stderr
    before = trials(out)
    assert [trial["number"] for trial in before] == [0, 1]
    assert before[0]["recipe"]["learning_rate"] == DEFAULT_RECIPE.learning_rate
    again = search(data, out, "--trials", "3")
    assert again.exit_code == 0, again.output
    assert trials(out)[:2] == before
    assert len(trials(out)) == 3
    results = json.loads(out.read_text())
    losses = [trial["log_loss"] for trial in trials(out) if trial["log_loss"] is not None]
    assert results["best"]["log_loss"] == min(losses)
    assert Recipe(**results["best_recipe"] | {"hidden_units": (256, 128, 64)}).epochs >= 5
    assert search(data, out, "--trials", "3").exit_code == 0
    assert len(trials(out)) == 3


def test_bad_data_is_one_line_and_leaves_no_journal(tmp_path: Path) -> None:
    result = search(tmp_path / "nothing", tmp_path / "found/search.json", "--trials", "1")
    assert result.exit_code == 1
    assert "not there" in result.stderr
    assert not (tmp_path / "found").exists()
