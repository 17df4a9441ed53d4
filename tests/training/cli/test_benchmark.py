"""The command writes an honest report, goes on where it was stopped, and says in one line what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tests.training.benchmark.tiny import make_lists
from tests.training.synthetic import GENRES, write_data
from training.benchmark import sources
from training.cli import app
from training.report.figures import ModelFigures, Report
from training.sides import Protocol

MODELS = ("--models", "lda,knn-1", "--processes", "1")


def run(*options: str | Path) -> Result:
    return CliRunner().invoke(app, ["benchmark", *map(str, options)])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), audio=False) / "features"


@pytest.fixture(autouse=True)
def _made_up_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "published_lists", make_lists)


def rows_of(report: Report, protocol: Protocol) -> dict[str, ModelFigures]:
    return {row.name: row for row in report.models if row.protocol == protocol and not row.extra}


def leaky_split(path: Path) -> Path:
    names = [
        f"{genre}.{number:05d}.{window}.wav"
        for genre in GENRES
        for number in range(12)
        for window in range(4)
    ]
    lines = [f"{name},{'test' if name.endswith('0.wav') else 'train'}" for name in names]
    path.write_text("\n".join(["filename,side", *lines]))
    return path


@pytest.mark.slow
def test_a_benchmark_with_an_extra_table_and_a_leaky_split_is_reported_and_flagged(
    tables: Path, tmp_path: Path
) -> None:
    repeated = pd.read_csv(tables / "dsmusic_3s.csv.gz")
    again = repeated.iloc[:3].assign(filename=[f"blues.00999.{window}.wav" for window in range(3)])
    extra = tmp_path / "extra.csv"
    pd.concat([repeated, again]).to_csv(extra, index=False)
    out = tmp_path / "out"
    options = ("--features", tables / "gtzan_3s.csv.gz", "--extra-features", extra, "--out", out, "--quick")
    split = ("--split", leaky_split(tmp_path / "split.csv"))
    result = run(*options, *split, *MODELS, "--seeds", "1")
    assert result.exit_code == 0, result.output
    report = Report.model_validate_json((out / "report.json").read_text())
    assert report.quick
    assert [data.n_dropped for data in report.data] == [0, 48 + 3]
    leaks = {leak.protocol: leak for leak in report.leaks}
    assert leaks[Protocol.GIVEN].leaks
    assert leaks[Protocol.GIVEN].shared_tracks == 36
    assert not leaks[Protocol.FAULT_FILTERED].leaks
    for name, row in rows_of(report, Protocol.GIVEN).items():
        assert row.track_accuracy is not None, name
    assert {row.extra for row in report.models if row.protocol == Protocol.FAULT_FILTERED} == {False, True}
    assert "given leaks: 36 of 36 test tracks" in " ".join(result.stdout.split())
    assert "--split" in report.command
    assert result.stdout.splitlines()[-3:] == [str(out / f"report.{kind}") for kind in ("html", "md", "json")]
    assert "given" in (out / "report.md").read_text()
    # The same command again fits nothing, and prints what it is asked for.
    second = run(*options, *split, *MODELS, "--seeds", "1", "--json")
    assert second.exit_code == 0, second.output
    assert json.loads(second.stdout)["models"]
    assert "14 of 14 fits were there from an earlier run" in second.stderr


@pytest.mark.slow
def test_a_run_that_is_interrupted_says_how_to_go_on(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # A process that a shell starts in the background ignores interrupts, and so would its children.
    main = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from training.start import main; main()"
    )
    options = ("--models", "lda,knn-1", "--seeds", "500", "--processes", "1", "--no-steps")
    command = [sys.executable, "-c", main, "benchmark", "--out", str(out), *options]
    command += ["--features", str(tables / "gtzan_3s.csv.gz")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    deadline = time.monotonic() + 120.0
    while not list((out / "cells").glob("*.npz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(timeout=60.0) == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert not list(out.glob("report.*"))


@pytest.mark.slow
def test_a_protocol_without_its_tracks_is_not_computable(tables: Path, tmp_path: Path) -> None:
    table = pd.read_csv(tables / "gtzan_3s.csv.gz")
    table["filename"] = "other_" + table["filename"]
    table.to_csv(tmp_path / "other.csv", index=False)
    result = run(
        "--features", tmp_path / "other.csv", "--out", tmp_path / "out", "--quick", "--seeds", "1", *MODELS
    )
    assert result.exit_code == 0, result.output
    report = Report.model_validate_json((tmp_path / "out/report.json").read_text())
    for row in rows_of(report, Protocol.FAULT_FILTERED).values():
        assert row.track_accuracy is None
        assert row.not_computable is not None
        assert "published split" in row.not_computable
    assert rows_of(report, Protocol.GROUPED_BY_TRACK)["lda"].track_accuracy is not None


def drop_a_column(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["tempo"])


def spoil_a_value(table: pd.DataFrame) -> pd.DataFrame:
    spoilt = table.copy()
    spoilt.loc[5, "tempo"] = np.nan
    return spoilt


def keep_one_genre(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["label"] == "jazz"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [(drop_a_column, "tempo"), (spoil_a_value, "row=7"), (keep_one_genre, "too few genres")],
)
def test_a_bad_table_is_one_line_and_no_report(
    tables: Path, tmp_path: Path, harm: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    harm(pd.read_csv(tables / "gtzan_3s.csv.gz")).to_csv(tmp_path / "bad.csv", index=False)
    result = run("--features", tmp_path / "bad.csv", "--out", tmp_path / "out")
    assert_one_line(result, said)
    assert not list((tmp_path / "out").glob("report.*"))


def test_other_bad_input_is_one_line(tables: Path, tmp_path: Path) -> None:
    good = tables / "gtzan_3s.csv.gz"
    (tmp_path / "file").write_text("")
    foreign = tmp_path / "foreign.csv"
    table = pd.read_csv(good)
    table.assign(label="polka", filename="x" + table["filename"]).to_csv(foreign, index=False)
    out = tmp_path / "out"
    assert_one_line(run("--features", tmp_path / "none.csv", "--out", out), "not there")
    assert_one_line(run("--features", good, "--out", out, "--models", "lda,oracle"), "model=oracle")
    assert_one_line(run("--features", good, "--out", out, "--models", "resnet18"), "needs=image")
    assert_one_line(run("--features", good, "--out", tmp_path / "file/out"), "cannot be written")
    assert_one_line(run("--features", good, "--out", out, "--extra-features", foreign), "known genre")
    assert_one_line(run("--features", good, "--out", out, "--split", tmp_path / "none.csv"), "the split")
    assert_one_line(run("--images", tmp_path / "none.npz", "--out", out), "none.npz")
    assert_one_line(run("--audio", tmp_path / "none", "--out", out), "none")
    assert_one_line(run("--embeddings", tmp_path / "file", "--out", out), "file")
    shutil.rmtree(out)


def test_odd_options_are_refused_with_the_usage(tables: Path, tmp_path: Path) -> None:
    good, out = tables / "gtzan_3s.csv.gz", tmp_path / "out"
    for options in (
        (),
        ("--features", good, "--images", good),
        ("--images", good, "--extra-features", good),
        ("--features", good, "--genres", "jazz"),
        ("--features", good, "--seeds", "0"),
    ):
        assert run(*options, "--out", out).exit_code == 2, options
    assert not out.exists()


def assert_one_line(result: Result, said: str) -> None:
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in result.output
