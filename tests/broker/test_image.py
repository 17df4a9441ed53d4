"""Tests of the image's commands, run outside of it: entry point, health check, the end by SIGTERM."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumer.demo.synthesis import write_pieces
from deploy.local_kafka.death_wish import death_wish
from deploy.local_kafka.ports import free_port
from tests.broker.harness import Broker, unique, wait_until
from tests.deploy.image_file import read_image_file
from tests.end_to_end.commands import environment, run
from tests.paths import REPOSITORY

pytestmark = pytest.mark.slow

IMAGE = read_image_file(REPOSITORY / "deploy" / "Dockerfile")
START_SECONDS = 240.0


@pytest.fixture
def config(broker: Broker, tmp_path: Path) -> Path:
    """Settings as an operator mounts them, with a group and topics of this test's own."""
    name = unique("image")
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
        features = "{name}.features"
        retries = [{{ topic = "{name}.retry", delay_seconds = 1.0 }}]
        [fetch]
        file_roots = ["{tmp_path}"]
        [decode]
        processes = 1
        [serve]
        port = {free_port(random.Random())}
        """
    )
    return path


@pytest.fixture
def variables(config: Path) -> dict[str, str]:
    """What a container sees, but for the folders that only an image has."""
    folders = ("PATH", "GENRESTREAM_KERNEL_CACHE", "HOME")
    image = {name: value for name, value in IMAGE.environment("cpu").items() if name not in folders}
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {**environment(), **image, "PATH": programs, "GENRESTREAM_CONFIG": str(config)}


@contextmanager
def _container(variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start what the image starts: its entry point with its default command."""
    words = [*(IMAGE.last("cpu", "ENTRYPOINT").words or []), *(IMAGE.last("cpu", "CMD").words or [])]
    with log.open("wb") as file:
        process = subprocess.Popen(
            words,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stderr=file,
            preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answers_yes(words: Sequence[str], variables: Mapping[str, str]) -> bool:
    return subprocess.run(words, env=dict(variables), capture_output=True, check=False).returncode == 0


def test_a_container_is_ill_before_its_worker_answers_and_ends_well_by_its_stop_signal(
    config: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    write_pieces(tmp_path, manners=("jazz",), seconds=3.0)
    assert run("topics", "create", "--config", config, "--partitions", "1").status == 0
    check = IMAGE.last("cpu", "HEALTHCHECK").words or []
    assert not _answers_yes(check, variables)
    log = tmp_path / "worker.log"
    with _container(variables, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return _answers_yes(["genrestream", "probe", "ready"], variables)

        wait_until(ready, what="readiness", seconds=START_SECONDS)
        healthy = _answers_yes(check, variables)
        assert run("submit", "--config", config, tmp_path).status == 0
        watched = run(
            *("watch", "--config", config, "--json", "--from", "beginning"),
            *("--count", "1", "--timeout", "60"),
        )
        process.send_signal(signal.Signals[IMAGE.last("cpu", "STOPSIGNAL").rest])
        status = process.wait(60)

    assert healthy
    assert [one["status"] in ("labelled", "abstained") for one in watched.objects] == [True]
    assert status == 0, log.read_text()
    assert [json.loads(line) for line in log.read_text().splitlines()], "the image logs JSON"
