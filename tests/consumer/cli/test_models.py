"""The `models` commands on a folder: list, show, push, point, and one line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.cli.app import run
from modelzoo.registry import DEFAULT_MODEL, Registry
from tests.modelzoo.artifacts import linear_model, write_model


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    """Two models as a training run leaves them, and one that no runtime can run."""
    out = tmp_path / "out"
    graphs = {"1.0.0": linear_model(), "1.1.0": linear_model(seed=8), "9.9.9": b"no graph"}
    return {version: write_model(out, version=version, model=graph) for version, graph in graphs.items()}


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_models_are_pushed_listed_pointed_at_and_rolled_back(
    registry: Path, made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--registry", str(registry)]
    for version in ("1.0.0", "1.1.0"):
        assert run(["models", "push", str(made[version]), *there]) == 0
    assert "linear 1.1.0 is in" in capsys.readouterr().out
    assert run(["models", "point", "linear@1.1.0", *there]) == 0
    assert capsys.readouterr().out == "linear: the latest is now 1.1.0 (was 1.0.0)\n"
    assert Registry(registry).load("linear").manifest.version == "1.1.0"
    assert run(["models", "point", "linear@1.0.0", *there, "--json"]) == 0
    assert printed(capsys) == [{"name": "linear", "latest": "1.0.0", "before": "1.1.0"}]
    assert run(["models", "list", *there, "--json"]) == 0
    listed = {(one["name"], one["version"]): one["latest"] for one in printed(capsys)}
    assert listed["linear", "1.0.0"] is True
    assert listed["linear", "1.1.0"] is False
    assert any(name == DEFAULT_MODEL for name, _ in listed)
    assert run(["models", "list", *there]) == 0
    assert "linear 1.0.0  2026-01-01  latest" in capsys.readouterr().out


def test_a_model_is_pushed_and_pointed_at_in_one_command(
    registry: Path, made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["models", "push", str(made["1.0.0"]), "--registry", str(registry)])
    assert run(["models", "push", str(made["1.1.0"]), "--registry", str(registry), "--latest"]) == 0
    assert Registry(registry).latest("linear") == "1.1.0"


def test_a_model_is_shown_with_what_it_was_verified_by(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "show", DEFAULT_MODEL]) == 0
    text = capsys.readouterr().out
    manifest = Registry().load(DEFAULT_MODEL).manifest
    assert manifest.sha256 in text
    assert "drift       features, labels, confidence" in text
    assert run(["models", "show", f"{DEFAULT_MODEL}@{manifest.version}", "--json"]) == 0
    assert printed(capsys)[0]["sha256"] == manifest.sha256


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["point", "linear"], 2, "which version?"),
        (["point", "linear@one"], 2, "MAJOR.MINOR.PATCH"),
        (["point", "linear@3.0.0"], 4, "no such model"),
        (["show", "nobody"], 4, "no such model"),
        (["push", "/no/such/folder"], 2, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    registry: Path, arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", *arguments, "--registry", str(registry)]) == status
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1


def test_a_model_that_no_runtime_can_run_comes_nowhere(
    registry: Path, made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "push", str(made["9.9.9"]), "--registry", str(registry)]) == 4
    assert not registry.exists()
    made["9.9.9"].parent.rename(registry.with_name("by-hand"))
    by_hand = registry.with_name("by-hand")
    by_hand.rename(by_hand.with_name("linear"))
    assert run(["models", "point", "linear@9.9.9", "--registry", str(by_hand.parent)]) == 4
    assert "onnxruntime cannot load" in capsys.readouterr().err
