"""Tests of the service as a person runs it: topics, check, worker, submit, watch, as processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumer.demo.synthesis import write_pieces
from consumer.events import TrackLabelled
from tests.broker.harness import Broker, unique
from tests.end_to_end.commands import command, environment, run

pytestmark = pytest.mark.slow


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    write_pieces(folder, manners=("jazz", "reggae"), seconds=6.0)
    (folder / "text.mp3").write_text("This is no music.")
    return folder


@pytest.fixture
def config(broker: Broker, tmp_path: Path, music: Path) -> Path:
    """Settings with a group and topics of this test's own."""
    name = unique("service")
    path = tmp_path / "genrestream.toml"
    path.write_text(
        f"""
        [kafka]
        bootstrap_servers = "{broker.bootstrap_servers}"
        group = "{name}"
        [topics]
        uploads = {{ "{name}.uploads" = "track_uploaded" }}
        labels = "{name}.labels"
        dead_letters = "{name}.dlq"
        retries = [{{ topic = "{name}.retry", delay_seconds = 1.0 }}]
        [fetch]
        file_roots = ["{music}"]
        [serve]
        port = 0
        """
    )
    return path


@contextmanager
def _worker(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(command("worker", "--config", config), stderr=file, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _metrics_address(log: Path) -> str | None:
    found = re.search(r'"metrics": "(http://[^"]+)/metrics"', log.read_text())
    return found.group(1) if found else None


def _probe(address: str, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=5) as answer:  # noqa: S310 - loopback http
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        address = _metrics_address(log)
        if address is not None and _probe(address, "/readyz")[0] == 200:
            return address
        time.sleep(0.1)
    raise AssertionError(f"the worker is not ready: {log.read_text()}")


def test_the_commands_together_label_what_was_submitted(config: Path, music: Path, tmp_path: Path) -> None:
    created = run("topics", "create", "--config", config, "--partitions", "2", "--json")
    assert (created.status, {one["state"] for one in created.objects}) == (0, {"created"})
    checked = run("check", "--config", config, "--json")
    assert checked.status == 0, checked.out
    assert [one["check"] for one in checked.objects] == [
        *("settings", "spool", "sources", "uploads", "model", "pipeline", "broker", "topics"),
    ]
    (outside,) = write_pieces(tmp_path, manners=("disco",), seconds=3.0)
    log = tmp_path / "worker.log"
    with _worker(config, log) as worker:
        address = _await_ready(worker, log)
        submitted = run("submit", "--config", config, "--json", "--declared-genre", "Polka", music, outside)
        watched = run(
            *("watch", "--config", config, "--json", "--from", "beginning", "--dead-letters"),
            *("--count", "4", "--timeout", "60"),
        )
        metrics = _probe(address, "/metrics")[1].decode()
        health = _probe(address, "/healthz")
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(60)

    assert submitted.status == 0, submitted.err
    assert watched.status == 0, log.read_text()
    dead = [one for one in watched.objects if "error" in one]
    labels = [TrackLabelled.model_validate(one) for one in watched.objects if "error" not in one]
    assert {label.event_id for label in labels} | {one["event_id"] for one in dead} == {
        one["event_id"] for one in submitted.objects
    }
    assert {Path(one["track_id"]).name: one["error"]["reason"] for one in dead} == {
        "text.mp3": "not_audio",
        outside.name: "forbidden_uri",
    }
    assert all(label.declared is not None and label.declared.genre == "Polka" for label in labels)
    assert 'genrestream_tracks_total{outcome="dead_lettered",reason="not_audio"} 1.0' in metrics
    assert "genrestream_ready 1.0" in metrics
    assert health[0] == 200
    assert status == 0, log.read_text()
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert "worker started" in events
    assert events[-1] == "worker ended"
