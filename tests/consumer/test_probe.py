"""Tests of the probe against the real server, a stranger, and nobody."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consumer.cli.app import run
from consumer.config import KafkaSettings, ServeSettings, Settings
from consumer.errors import SettingsError
from consumer.health import HealthServer, Probes, Report
from consumer.probe import Address, address_of, ask


@contextmanager
def _worker(*, ready: bool, host: str = "127.0.0.1") -> Iterator[int]:
    probes = Probes(
        metrics=lambda: ("text/plain", b""),
        health=lambda: Report(ok=True, why="the poll loop turns"),
        ready=lambda: Report(ok=ready, why="serving" if ready else "draining", details={"in_flight": 3}),
    )
    with HealthServer(ServeSettings(host=host, port=0), probes=probes) as server:
        yield server.port


def _ask(what: str, port: int) -> tuple[bool, str]:
    verdict = ask(what, address=Address("127.0.0.1", port), timeout_seconds=5.0)
    return verdict.ok, verdict.why


def test_a_worker_is_ready_when_it_says_so() -> None:
    with _worker(ready=True) as port:
        assert _ask("ready", port) == (True, "serving")


def test_a_worker_that_drains_is_healthy_and_not_ready() -> None:
    with _worker(ready=False) as port:
        assert _ask("ready", port) == (False, "draining")
        assert _ask("health", port) == (True, "the poll loop turns")


def test_a_port_where_nobody_listens_is_no_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    ok, why = _ask("health", port)
    assert not ok
    assert f"no worker answers: host=127.0.0.1 port={port}" in why


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_a_stranger_on_the_port_is_no_worker(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_one() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(answer)

        stranger = threading.Thread(target=answer_one)
        stranger.start()
        ok, _ = _ask("ready", listener.getsockname()[1])
        stranger.join()
    assert not ok


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("worker-3", "worker-3")],  # noqa: S104
)
def test_what_listens_everywhere_is_asked_on_loopback(host: str, reached: str) -> None:
    settings = Settings(serve=ServeSettings(host=host, port=9_000), kafka=KafkaSettings(slot=2))
    assert address_of(settings) == Address(reached, 9_002)


def test_a_port_left_to_chance_must_be_named() -> None:
    settings = Settings(serve=ServeSettings(port=0))
    with pytest.raises(SettingsError, match="--port"):
        address_of(settings)
    assert address_of(settings, port=7_000).port == 7_000


def test_the_command_tells_by_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with _worker(ready=False) as port:
        monkeypatch.setenv("GENRESTREAM_SERVE__PORT", str(port))
        assert run(["probe", "health"]) == 0
        assert capsys.readouterr().out == "OK  health: the poll loop turns\n"
        assert run(["probe", "--json"]) == 1
        assert json.loads(capsys.readouterr().out) == {"ok": False, "why": "draining", "in_flight": 3}
