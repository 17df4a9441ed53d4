"""Tests of what every command shares: help, version, one clear line of error, exit statuses."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from consumer.cli import app as command_line
from consumer.cli.app import run
from consumer.errors import BrokerAuthorizationError, TwinFencedError
from consumer.ports import BrokerError
from modelzoo.errors import ModelNotFoundError

COMMANDS = (
    "label",
    "features",
    "features files",
    "features export",
    "demo",
    "worker",
    "submit",
    "watch",
    "check",
    "probe",
    "topics create",
    "models list",
    "models show",
    "models point",
    "models push",
    "kernels build",
    "kernels show",
    "schemas",
)
KAFKA_COMMANDS = ("features export", "worker", "submit", "watch", "check", "topics create")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0

    text = capsys.readouterr().out
    assert "Examples" in text
    assert f"genrestream {command.split(maxsplit=1)[0]}" in text


@pytest.mark.parametrize("command", KAFKA_COMMANDS)
def test_every_command_that_speaks_to_kafka_takes_bootstrap_servers(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run([*command.split(), "--help"])

    assert "--bootstrap-servers" in capsys.readouterr().out


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"genrestream {version('genrestream')}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["label"], "genrestream label: Missing argument 'FILE'"),
        (["features"], "genrestream features files: Missing argument 'FILE'"),
        (["submit"], "genrestream submit: name files, folders or --uri"),
        (["label", "--device", "abacus", "x.mp3"], "'abacus' is not one of"),
        (["worker", "--file-root", "/no/such/folder"], "does not exist"),
        (["features", "--json", "--csv", "x.mp3"], "choose one of --json and --csv"),
        (
            ["submit", "--track-id", "1", "--uri", "s3://b/1", "--uri", "s3://b/2"],
            "--track-id names one track",
        ),
        (["nonsense"], "No such command 'nonsense'"),
        (["label", "--config", "/no/such/file.toml", "x.mp3"], "settings file not found"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (TwinFencedError("fenced\ntwice"), 3, "genrestream: fenced twice\n"),
        (ModelNotFoundError("no such model"), 4, "genrestream: no such model\n"),
        (BrokerAuthorizationError("refused"), 5, "genrestream: refused\n"),
        (BrokerError("no", code="TOPIC_AUTHORIZATION_FAILED"), 5, "ACLs"),
        (BrokerError("no", code="UNKNOWN_TOPIC_OR_PART"), 1, "genrestream topics create"),
        (BrokerError("no", code="_TRANSPORT", retriable=True), 1, "genrestream check"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_each_error_has_its_exit_status_and_one_line(
    error: BaseException,
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(command_line.app, "registered_commands", [])
    command_line.app.command("fail")(fail)

    assert run(["fail"]) == status
    captured = capsys.readouterr()
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command_line.app, "registered_commands", [])
    command_line.app.command("fail")(fail)

    with pytest.raises(ZeroDivisionError):
        run(["fail"])


@pytest.mark.slow
def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from consumer.cli.app import run; run(['--help']); run(['label', '--help']); "
        "heavy = {'torch', 'librosa', 'confluent_kafka', 'onnxruntime', 'numpy', 'structlog'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_bad_setting_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("GENRESTREAM_SERVE__PORT", "many")

    assert run(["label", str(tmp_path)]) == 2
    assert "serve.port" in capsys.readouterr().err
