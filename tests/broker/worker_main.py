"""Runs a command of `genrestream` with faults: `python -m tests.broker.worker_main FAULTS_JSON worker ...`.

Faults: `light` (seconds) replaces the pipeline by an engine without audio; `decoding` true makes the decoder
crash or hang by file name; `fake_audio` true has children do what a URI says, as `ok:3` (three windows);
`crash` {"before": METHOD, "call": N} kills the process before the producer's N-th call of a method, with
everything that was produced on the broker.

Imports are late, as in the product: children come before librdkafka, and the light engine needs no torch.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import consumer.replay.from_uploads
import consumer.worker
from consumer.config import Settings
from consumer.events import ModelStamp
from consumer.metrics import Metrics
from modelzoo.registry import Artifact
from tests.broker.light_engine import LightEngine


def main() -> None:
    faulthandler.register(signal.SIGUSR1)  # says in the log where a worker stands still
    faults = json.loads(sys.argv.pop(1))
    if "light" in faults:
        _use_light_engine(faults["light"])
    if faults.get("decoding"):
        _use_faulty_decoding()
    if faults.get("fake_audio"):
        _use_fake_audio()
    if "crash" in faults:
        _crash_in_producer(**faults["crash"])

    from consumer.cli.app import main as genrestream

    genrestream()


def _use_light_engine(seconds: float) -> None:
    @contextmanager
    def open_light(settings: Settings, *, metrics: Metrics | None = None) -> Iterator[LightEngine]:
        with LightEngine(seconds) as engine:
            yield engine

    from consumer.rollout import service

    @contextmanager
    def open_nothing(*_: Any, **__: Any) -> Iterator[None]:
        yield  # this engine has no models

    service.open_rollout = open_nothing

    @contextmanager
    def open_replaying(settings: Settings, *, artifact: Artifact, metrics: Metrics) -> Iterator[LightEngine]:
        manifest = artifact.manifest
        stamp = ModelStamp(name=manifest.name, version=manifest.version, features=manifest.feature_set)
        with LightEngine(seconds, stamp=stamp) as engine:
            yield engine

    consumer.worker.open_pipeline = open_light  # type: ignore[assignment]  # stands in for the pipeline
    consumer.replay.from_uploads.open_engine = open_replaying


def _use_faulty_decoding() -> None:
    from consumer.decoding.work import FetchAndDecode
    from consumer.pipeline import stages
    from tests.broker.faulty_decoding import FaultyDecoding

    usual = stages._usual_work

    def faulty(settings: Settings) -> FaultyDecoding:
        work = usual(settings)
        assert isinstance(work, FetchAndDecode)
        return FaultyDecoding(work)

    stages._usual_work = faulty


def _use_fake_audio() -> None:
    from consumer.pipeline import stages
    from tests.consumer.decoding.faults import Faulty

    def fake(settings: Settings) -> Faulty:
        return Faulty()

    stages._usual_work = fake


def _crash_in_producer(*, before: str, call: int) -> None:
    import consumer.kafka

    usual = consumer.kafka.KafkaProducer
    inner = getattr(usual, before)
    calls = 0

    def crash_before(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            self.flush(timeout_seconds=10.0)  # what was produced is on the broker
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(self, *args, **kwargs)

    setattr(usual, before, crash_before)


if __name__ == "__main__":
    main()
