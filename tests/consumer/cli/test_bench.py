"""Tests of the `bench` commands over sides that answer at once."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.bench.encoding import FORMATS
from consumer.bench.featurizer import Sides
from consumer.bench.latency import measure as measure_latency
from consumer.bench.pipeline import Measured
from consumer.bench.pipeline_report import report
from consumer.cli.app import run
from consumer.cli.bench_tables import latency_tables, pipeline_tables
from consumer.cli.terminal import print_table
from consumer.demo.synthesis import write_wav
from consumer.errors import SettingsError
from tests.audio import music
from tests.consumer.bench.runs import run_of

COMMANDS = ("featurizer", "decode", "pipeline", "latency")
ENVIRONMENT = {"cpu": "Abacus 9", "cores": 2, "load_average": 0.5, "commit": None}


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(music(7.0, 22_050), folder / "a.wav", sample_rate=22_050)
    return folder


@pytest.fixture(autouse=True)
def _no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.bench.one_thread.restart_with_one_thread", lambda: None)


@pytest.fixture
def _quick_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    def features(window: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.arange(1.0, 58.0) + float(window[0])

    def ours(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.stack([features(window) for window in windows])

    sides = Sides(ours, features, features, "cpu", "single")
    monkeypatch.setattr("consumer.bench.featurizer.open_sides", lambda **_: sides)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", command, "--help"]) == 0
    assert f"genrestream bench {command}" in capsys.readouterr().out


@pytest.mark.usefixtures("_quick_sides")
def test_the_featurizers_figures_are_one_json_object(audio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "featurizer", "--audio", str(audio), "--json"]) == 0
    out, _ = capsys.readouterr()
    told = json.loads(out)
    assert told["bench"] == "featurizer"
    assert told["audio"] == "real"
    assert told["parity_max_sd"] == 0.0
    assert told["tempo_equal"] == 1.0
    assert told["n_windows"] == 2
    assert told["precision"] == "single"
    assert {"ratio_best_librosa", "ratio_naive_librosa"} <= told.keys()
    assert {"versions", "cpu", "cores", "commit"} <= told["environment"].keys()


@pytest.mark.usefixtures("_quick_sides")
def test_people_get_a_table(audio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "featurizer", "--audio", str(audio), "--windows", "1"]) == 0
    out, err = capsys.readouterr()
    assert "single precision" in out
    assert "best librosa" in out
    assert "windows of equal tempo" in out
    assert "reading 1 file ..." in err


def test_decoders_are_told_by_format(
    audio: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("consumer.bench.encoding.FORMATS", {"wav": FORMATS["wav"]})
    options = ["--seconds", "6", "--rounds", "1", "--policy", "first:1"]
    assert run(["bench", "decode", "--audio", str(audio), *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["formats"]["wav"].keys() == {"soundfile", "pyav", "chosen", "windows first:1"}
    assert run(["bench", "decode", "--audio", str(audio), *options]) == 0
    assert "soundfile" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["featurizer", "--audio", "/no/such/folder"], "does not exist"),
        (["decode", "--policy", "last:3"], "expected all, first:N or spread:N"),
        (["pipeline", "--rounds", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage_is_one_line_and_status_two(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert not out


def test_without_a_broker_there_is_one_line_and_status_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_broker(_servers: str | None) -> NoReturn:
        raise SettingsError("a real broker is needed: name one with --bootstrap-servers")

    monkeypatch.setattr("consumer.cli.bench_setting.open_broker", open_broker)
    assert run(["bench", "latency"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("genrestream: a real broker is needed")


def test_a_pipelines_figures_fit_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    memory = {
        "tracks": 20,
        "peak_pss_bytes": 600 * 2**20,
        "first_quartile_pss_bytes": 580 * 2**20,
        "last_quartile_pss_bytes": 590 * 2**20,
    }
    runs = {1: [run_of(5, cpu_ms=44.0, wall_ms=50.0)], 2: [run_of(10, cpu_ms=45.0, wall_ms=25.0)]}
    measured = Measured(runs, [[1.35]], run_of(2, cpu_ms=300.0, wall_ms=160.0), memory, [2.0, 3.0], [0.01])
    for table in pipeline_tables({"audio": "real", **report(measured), "environment": ENVIRONMENT}):
        print_table(table)
    out = capsys.readouterr().out
    for words in ("2 cores, 4 minutes", "22.22", "11%", "30.0", "600 MiB at most"):
        assert words in out


def test_latencys_figures_fit_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    class Worker:
        start_seconds = 2.5

    class Service:
        worker = Worker()

        def run(self, tracks: list[Path]) -> object:
            return run_of(len(tracks), cpu_ms=45.0, wall_ms=120.0)

    told = measure_latency(Service(), [Path("a.mp3")], count=3, rng=random.Random(0))  # type: ignore[arg-type]  # what it asks of a service
    assert told["p50_seconds"] == told["p99_seconds"] == told["max_seconds"] == pytest.approx(0.12)
    assert told["n"] == 3
    for table in latency_tables({"audio": "real", **told, "environment": ENVIRONMENT}):
        print_table(table)
    assert "0.120 s" in capsys.readouterr().out
