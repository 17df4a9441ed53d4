"""Tests of the probes over real HTTP on a free loopback port."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from consumer.config import ServeSettings
from consumer.errors import SettingsError
from consumer.health import HealthServer, Probes, Report


class _State:
    health = Report(ok=True, why="the poll loop turns")
    ready = Report(ok=False, why="the group is not joined", details={"assigned_partitions": 0})

    def probes(self) -> Probes:
        return Probes(
            metrics=lambda: ("text/plain; version=0.0.4", b"genrestream_ready 0.0\n"),
            health=lambda: self.health,
            ready=lambda: self.ready,
        )


@pytest.fixture
def state() -> _State:
    return _State()


@pytest.fixture
def server(state: _State) -> Iterator[HealthServer]:
    with HealthServer(ServeSettings(port=0), probes=state.probes()) as server:
        yield server


def _ask(server: HealthServer, path: str, *, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def test_a_good_report_is_answered_with_200_and_says_so(server: HealthServer) -> None:
    status, content_type, body = _ask(server, "/healthz")

    assert (status, content_type) == (200, "application/json")
    assert json.loads(body) == {"ok": True, "why": "the poll loop turns"}


def test_a_bad_report_is_answered_with_503_and_says_why(server: HealthServer) -> None:
    status, _, body = _ask(server, "/readyz")

    assert status == 503
    assert json.loads(body) == {"ok": False, "why": "the group is not joined", "assigned_partitions": 0}


def test_each_probe_is_asked_anew(server: HealthServer, state: _State) -> None:
    assert _ask(server, "/readyz")[0] == 503
    state.ready = Report(ok=True, why="serving")
    assert _ask(server, "/readyz/?verbose=1")[0] == 200


def test_metrics_are_passed_through_with_their_content_type(server: HealthServer) -> None:
    assert _ask(server, "/metrics") == (200, "text/plain; version=0.0.4", b"genrestream_ready 0.0\n")


def test_head_gives_the_status_without_a_body(server: HealthServer) -> None:
    status, _, body = _ask(server, "/readyz", method="HEAD")

    assert (status, body) == (503, b"")


def test_another_path_is_not_found_and_the_paths_are_named(server: HealthServer) -> None:
    status, _, body = _ask(server, "/")

    assert status == 404
    assert "/healthz" in json.loads(body)["why"]


def test_a_port_that_is_taken_is_a_settings_error_that_names_it(server: HealthServer, state: _State) -> None:
    with pytest.raises(SettingsError, match=f"port={server.port}.*--slot 1"):
        HealthServer(ServeSettings(port=server.port), probes=state.probes())


def test_a_closed_server_frees_its_port(state: _State) -> None:
    server = HealthServer(ServeSettings(port=0), probes=state.probes())
    port = server.port
    server.close()

    with HealthServer(ServeSettings(port=port), probes=state.probes()) as again:
        assert _ask(again, "/healthz")[0] == 200
