"""Tests of the compose file's services, run outside of containers by the commands of deploy/README.md."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from consumer.demo.synthesis import write_pieces
from deploy.local_kafka import LocalKafka, missing_tools
from deploy.local_kafka.death_wish import death_wish
from deploy.local_kafka.ports import free_port
from deploy.local_kafka.probe import accepts
from tests.broker.harness import SECONDS, wait_until
from tests.broker.versity import ensure_program, missing
from tests.end_to_end.commands import environment
from tests.paths import REPOSITORY

DEPLOY: Final = REPOSITORY / "deploy"
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
# What a broker on loopback must have otherwise: names of containers and folders of images.
PLACES: Final = (
    "NODE_ID",
    "PROCESS_ROLES",
    "CONTROLLER_",
    "INTER_BROKER",
    "LISTENER",
    "ADVERTISED",
    "LOG_DIRS",
    "HEAP",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),  # the gateway is built once
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(missing_tools() is not None, reason=str(missing_tools())),
]


@pytest.fixture(scope="module")
def kafka() -> Iterator[LocalKafka]:
    """A broker with the properties of the compose file."""
    set_ = {
        name.removeprefix("KAFKA_"): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
        if name.startswith("KAFKA_")
    }
    kept = {name: value for name, value in set_.items() if not name.startswith(PLACES)}
    properties = {name.lower().replace("_", "."): value for name, value in kept.items()}
    with LocalKafka(heap="384m", properties=properties) as broker:
        yield broker


class Services:
    """Runs services as compose would, but for names of containers, which become addresses on loopback."""

    def __init__(self, kafka: LocalKafka, folder: Path) -> None:
        self.store_port = free_port(random.Random())
        self._folder = folder
        self._places = {
            "kafka:9092": kafka.bootstrap_servers,
            "http://store:7070": f"http://127.0.0.1:{self.store_port}",
            ":7070": f"127.0.0.1:{self.store_port}",
            "/data": str(folder / "data"),
        }

    def _here(self, value: str) -> str:
        given = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        place = next((name for name in self._places if given.startswith(name)), None)
        return given if place is None else self._places[place] + given.removeprefix(place)

    def variables(self, name: str) -> dict[str, str]:
        own = {variable: self._here(value) for variable, value in SERVICES[name]["environment"].items()}
        return {**environment(), **own, "GENRESTREAM_SERVE__PORT": str(free_port(random.Random()))}

    def run(self, words: Sequence[str], *, service: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's stead, to its end."""
        variables = self.variables(service) if "environment" in SERVICES[service] else dict(os.environ)
        here = [self._here(word) for word in words]
        return subprocess.run(here, env=variables, capture_output=True, text=True, check=False, timeout=300)

    @contextmanager
    def running(self, words: Sequence[str], *, service: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a service until the body ends; its log is beside its data."""
        with (self._folder / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(
                words,
                env=self.variables(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _genrestream(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("genrestream")), *arguments]


def _commands_of_the_page() -> list[str]:
    page = (DEPLOY / "README.md").read_text()
    block = next(block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "curl" in block)
    return re.sub(r"\\\n\s*", "", block).splitlines()


def _gateway(variables: Mapping[str, str]) -> list[str]:
    # The image's entry point names the back end and its folder; the rest it takes from the environment.
    return [str(ensure_program()), variables["VGW_BACKEND"], variables["VGW_BACKEND_ARG"]]


def test_a_song_put_into_the_bucket_as_the_page_says_is_labelled(kafka: LocalKafka) -> None:
    _, put, watch = _commands_of_the_page()
    # The gateway keeps metadata in extended attributes, which not every temporary file system has.
    with tempfile.TemporaryDirectory(dir=REPOSITORY / ".cache") as scratch:
        folder = Path(scratch)
        services = Services(kafka, folder)
        (piece,) = write_pieces(folder, manners=("jazz",), seconds=3.0)
        topics = services.run(_genrestream(*SERVICES["topics"]["command"]), service="topics")
        assert topics.returncode == 0, topics.stderr
        assert services.run(SERVICES["bucket"]["entrypoint"], service="bucket").returncode == 0
        with (
            services.running(_gateway(services.variables("store")), service="store"),
            services.running(_genrestream(*SERVICES["worker"]["command"]), service="worker"),
        ):
            wait_until(lambda: accepts(services.store_port), what="the gateway's port", seconds=SECONDS)
            command = put.replace("127.0.0.1:7070", f"127.0.0.1:{services.store_port}")
            words = shlex.split(command.replace("song.mp3", str(piece)))
            stored = subprocess.run(words, capture_output=True, text=True, check=False)
            assert stored.returncode == 0, stored.stderr
            words = watch.split("exec worker genrestream ")[1].split()
            seen = services.run(_genrestream(*words, "--json", "--timeout", "240"), service="worker")
        log = (folder / "worker.log").read_text()

    assert seen.returncode == 0, log
    label = json.loads(seen.stdout)
    assert label["track_id"] == f"uploads/{piece.name}"
    assert label["status"] in ("labelled", "abstained")
