"""Tests of the `kernels` commands: what is shown, what is built, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer import kernels
from consumer.cli.app import run
from consumer.errors import KernelBuildError
from featurizer import kernel_store as store_module
from featurizer.cpu_level import machine_levels, wanted_level
from featurizer.kernel_store import FOLDER_VARIABLE, kernel_store

BEST = next(reversed(machine_levels()))


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Look for kernels in an empty folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def warm_the_store() -> None:
    with kernel_store().first_use():
        pass


def test_show_marks_the_level_that_a_worker_takes(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    assert run(["kernels", "show", "--json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["level"] for entry in shown if entry["wanted"]] == [wanted_level().name]
    assert all(not entry["warm"] for entry in shown if entry["wanted"])
    warm_the_store()
    assert run(["kernels", "show"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("*")]
    assert wanted_level().name in line
    assert "warm" in line
    assert str(store) in line


def test_build_compiles_each_level_where_it_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from featurizer.kernel_store import kernel_store\nwith kernel_store().first_use(): pass"
    monkeypatch.setattr(kernels, "_BUILD", program)
    out = tmp_path / "image"
    assert run(["kernels", "build", "--json", "--level", BEST, "--level", "native", "--out", str(out)]) == 0
    built = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["level"] for entry in built] == [BEST, "native"]
    assert all(Path(entry["folder"]).parent == out for entry in built)
    monkeypatch.setenv(FOLDER_VARIABLE, str(out))
    store_module._find.cache_clear()
    assert kernel_store().is_warm


def test_a_build_that_fails_says_the_last_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_BUILD", "raise SystemExit('no such instruction')")
    assert run(["kernels", "build"]) == KernelBuildError.exit_status
    assert "no such instruction" in capsys.readouterr().err


def test_a_level_above_this_cpus_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "build", "--level", "v9"]) == 2
    assert "level=v9; it runs" in capsys.readouterr().err
