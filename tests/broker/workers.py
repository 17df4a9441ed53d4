"""Starts, stops and kills worker processes, and says what became of the tracks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError

from consumer.config import KafkaSettings
from consumer.events import TrackLabelled, TrackUploaded
from consumer.jobs import InputRecord
from consumer.topic_settings import TopicSettings
from deploy.local_kafka.death_wish import death_wish
from tests.broker.harness import SECONDS, publish, read_all, uploads_of, wait_until
from tests.paths import REPOSITORY


@dataclass
class WorkerProcess:
    """One worker in a process of its own; its log lines are JSON."""

    process: subprocess.Popen[bytes]
    log: Path

    def log_lines(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def wait_until_ready(self, *, seconds: float = 90.0) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"the worker ended:\n{self.tail()}"
            started = [line for line in self.log_lines() if line.get("event") == "worker started"]
            return bool(started) and _answers_ok(started[0]["metrics"].replace("/metrics", "/readyz"))

        wait_until(ready, what="the worker's readiness", seconds=seconds)

    @property
    def metrics_url(self) -> str:
        started = next(line for line in self.log_lines() if line.get("event") == "worker started")
        return str(started["metrics"])

    def exposition(self) -> bytes:
        """Scrape it: the body as Prometheus gets it."""
        with urllib.request.urlopen(self.metrics_url, timeout=SECONDS) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())

    def metrics(self) -> dict[str, float]:
        """Scrape it: each sample's value by its name with labels, as `name{a="b"}`."""
        lines = self.exposition().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait(self, *, seconds: float = 60.0) -> int:
        return self.process.wait(seconds)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


@dataclass
class Workers:
    """Makes workers of one group and ends what is left of them."""

    kafka: KafkaSettings
    topics: TopicSettings
    folder: Path
    started: list[WorkerProcess] = field(default_factory=list)

    def start(
        self,
        *,
        slot: int = 0,
        faults: Mapping[str, Any] | None = None,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        kafka: Mapping[str, Any] | None = None,
        command: Sequence[str] = ("worker", "--port", "0"),
    ) -> WorkerProcess:
        """Start one, or another command; give its `slot` where several workers live at once."""
        tree: dict[str, Any] = {
            "kafka": self.kafka.model_dump(mode="json") | {"slot": slot} | dict(kafka or {}),
            "topics": self.topics.model_dump(mode="json"),
            "decode": {"processes": 1},
            "worker": {"device": "cpu", "flush_interval_seconds": 0.1, "max_attempts": 2},
        }
        for name, section in (sections or {}).items():
            tree[name] = {**tree.get(name, {}), **section}
        environment = {f"GENRESTREAM_{name.upper()}": json.dumps(section) for name, section in tree.items()}
        log = self.folder / f"worker-{len(self.started)}.log"
        arguments = [*command, "--file-root", str(self.folder)]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.broker.worker_main",
                    json.dumps(dict(faults or {})),
                    *arguments,
                ],
                cwd=REPOSITORY,
                env={**os.environ, **environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
            )
        worker = WorkerProcess(process, log)
        self.started.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.started:
            if worker.process.poll() is None:
                worker.kill()


def upload(event_id: str, *, uri: str = "file:///nowhere.wav") -> bytes:
    event = TrackUploaded(
        event_id=event_id, track_id=f"track of {event_id}", audio_uri=uri, uploaded_at=datetime.now(UTC)
    )
    return event.model_dump_json(exclude_none=True).encode()


def submit(kafka: KafkaSettings, topics: TopicSettings, event_ids: Iterable[str]) -> None:
    publish(kafka, uploads_of(topics), [upload(event_id) for event_id in event_ids])


def labels(kafka: KafkaSettings, topics: TopicSettings) -> list[TrackLabelled]:
    return [TrackLabelled.model_validate_json(r.value or b"") for r in read_all(kafka, topics.labels)]


def label_counts(kafka: KafkaSettings, topics: TopicSettings) -> Counter[str]:
    """How many committed labels each event has."""
    return Counter(label.event_id for label in labels(kafka, topics))


def dead_letters(kafka: KafkaSettings, topics: TopicSettings) -> list[InputRecord]:
    return read_all(kafka, topics.dead_letters)


def wait_for_labels(
    kafka: KafkaSettings, topics: TopicSettings, at_least: int, *, workers: Workers, seconds: float = 90.0
) -> Counter[str]:
    """Wait until so many different events are labelled; a worker's log explains where they are not."""
    deadline = time.monotonic() + seconds
    while len(found := label_counts(kafka, topics)) < at_least:
        if time.monotonic() > deadline:
            logs = "\n\n".join(worker.tail() for worker in workers.started)
            raise AssertionError(f"{len(found)} of {at_least} labelled after {seconds} s:\n{logs}")
        time.sleep(0.1)
    return found


def _answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - our own, on loopback
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
