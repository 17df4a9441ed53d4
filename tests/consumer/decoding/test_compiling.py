"""A worker whose kernels are not compiled says so before its children are silent for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.cli.app import run
from consumer.decoding.compiling import announce_compilation
from featurizer import kernel_store
from featurizer.kernel_store import FOLDER_VARIABLE


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def test_a_cold_store_is_said_once_and_a_warm_one_is_not(
    caplog: pytest.LogCaptureFixture, store: Path
) -> None:
    announce_compilation()
    (record,) = caplog.records
    assert "compiling the CPU kernels" in record.message
    assert str(store) in record.message
    caplog.clear()
    with kernel_store.kernel_store().first_use():
        pass
    announce_compilation()
    assert not caplog.records


def test_who_runs_a_command_hears_it_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def give_up(_pool: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("consumer.decoding.pool.DecodingPool.start", give_up)
    run(["features", str(tmp_path)])
    assert "compiling the CPU kernels" in capsys.readouterr().err
