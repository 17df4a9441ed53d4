"""Runs a real Prometheus that scrapes one worker by the rules of deploy/prometheus, every second."""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.local_kafka.death_wish import death_wish
from deploy.local_kafka.ports import free_port
from tests.broker.harness import SECONDS, wait_until
from tests.deploy.prometheus_tools import PROMETHEUS, program


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that answers."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Give the series of an expression, now; a mistake in it raises."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - loopback
                found = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as exc:
            raise AssertionError(f"{expression}: {exc.read().decode()}") from exc
        assert isinstance(found, list)
        return found

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=SECONDS) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running_prometheus(folder: Path, *, target: str) -> Iterator[Prometheus]:
    """Start one that scrapes `target` as the job of deploy/prometheus; it ends with the body."""
    server = program("prometheus")
    port = free_port(random.Random(time.time_ns()))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(folder, target=target)))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                server,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'series'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
        )
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(found.ready, what="Prometheus's readiness", seconds=60)
        yield found
    finally:
        process.kill()
        process.wait()


def _configuration(folder: Path, *, target: str) -> dict[str, Any]:
    """Write the rules that are evaluated each second, and give the configuration that names them."""
    configuration: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    (pattern,) = configuration["rule_files"]
    rules = folder / "rules"
    rules.mkdir()
    for path in PROMETHEUS.glob(pattern):
        tree = yaml.safe_load(path.read_text())
        for group in tree["groups"]:
            group["interval"] = "1s"
        (rules / path.name).write_text(yaml.safe_dump(tree))
    (scraped,) = configuration["scrape_configs"]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{rules}/*.yml"],
        "scrape_configs": [{"job_name": scraped["job_name"], "static_configs": [{"targets": [target]}]}],
    }
