"""What a light installation lacks is one line that says what to install, and exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from consumer.cli.app import run
from featurizer import kernel_store
from tests.audio import encode, music


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return encode(music(3.5, 44_100, seed=1), 44_100, codec="wav_s16", path=tmp_path / "song.wav")


@pytest.fixture
def _no_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    kernel_store._compiler.cache_clear()
    kernel_store._find.cache_clear()
    monkeypatch.setattr(kernel_store, "version", version)
    yield
    kernel_store._compiler.cache_clear()


@pytest.fixture
def _no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "modelzoo.scorer", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


@pytest.mark.usefixtures("_no_numba")
@pytest.mark.parametrize(
    "command",
    [
        "label",
        "features",
        "kernels show",
        "kernels build",
        "worker",
        pytest.param("check", marks=pytest.mark.slow),
    ],
)
def test_without_the_compiler_a_cpu_says_what_to_install(
    command: str, song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*command.split(), *([str(song)] if command in ("label", "features") else [])]
    if command == "worker":
        arguments += ["--port", "0"]

    assert run(arguments) == 2

    captured = capsys.readouterr()
    told = [line for line in (captured.err + captured.out).splitlines() if "pip install" in line]
    assert len(told) == 1
    assert "numba is not installed" in told[0]
    assert "pip install 'genrestream[cpu]'" in told[0]
    assert "Traceback" not in captured.err


@pytest.mark.slow
@pytest.mark.usefixtures("_no_onnxruntime")
@pytest.mark.parametrize("command", ["label", "worker"])
def test_without_a_runtime_for_models_a_command_says_what_to_install(
    command: str, song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["label", str(song)] if command == "label" else ["worker", "--port", "0"]

    assert run(arguments) == 2

    (told,) = [line for line in capsys.readouterr().err.splitlines() if "pip install" in line]
    assert "onnxruntime is not installed" in told
