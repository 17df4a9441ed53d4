"""Turns a few words into pipelines, jobs and their ends for tests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from consumer.config import Settings, load_settings
from consumer.events import TrackUploaded
from consumer.jobs import Completion, Ticket, TopicPartition, TrackJob
from consumer.pipeline.pipeline import Pipeline
from modelzoo.registry import Artifact, Registry
from tests.consumer.decoding.faults import fake_features
from tests.consumer.decoding.processes import eventually
from tests.modelzoo.artifacts import write_model

PARTITION = TopicPartition("track-uploads", 0)


def settings_for(**sections: dict[str, Any]) -> Settings:
    """Give settings with two children, a CPU and whatever the sections say."""
    return load_settings(overrides={"decode": {"processes": 2}, "worker": {"device": "cpu"}} | sections)


def linear_artifact(root: Path, *, version: str = "1.0.0") -> Artifact:
    """Write a small linear model and load it."""
    write_model(root, version=version)
    return Registry(root).load("linear", version=version)


def job(
    uri: str,
    offset: int = 0,
    *,
    partition: TopicPartition = PARTITION,
    epoch: int = 1,
    seconds: float = 60.0,
    declared_genre: str | None = None,
) -> TrackJob:
    """Ask for a URI's label within so many seconds."""
    event = TrackUploaded(
        event_id=f"event-{offset}",
        track_id=f"track-{offset}",
        audio_uri=uri,
        uploaded_at=datetime.now(UTC),
        declared_genre=declared_genre,
    )
    return TrackJob(Ticket(partition, epoch, offset, 0), event, deadline=time.monotonic() + seconds)


def label_all(pipeline: Pipeline, jobs: Sequence[TrackJob]) -> dict[int, Completion]:
    """Submit jobs and give their completions by offset."""
    for one in jobs:
        pipeline.submit(one)
    return take(pipeline, len(jobs))


def take(pipeline: Pipeline, count: int, *, seconds: float = 60.0) -> dict[int, Completion]:
    """Take so many completions, which must belong to different offsets."""
    taken: dict[int, Completion] = {}
    give_up = time.monotonic() + seconds
    while len(taken) < count:
        assert time.monotonic() < give_up, f"{len(taken)} of {count} jobs ended"
        pipeline.check()
        try:
            completion = pipeline.completions.get(timeout=0.1)
        except Empty:
            continue
        assert completion.ticket.offset not in taken, "a job ended twice"
        taken[completion.ticket.offset] = completion
    return taken


def await_ready(pipeline: Pipeline) -> Pipeline:
    """Wait until a pipeline is warm."""

    def is_ready() -> bool:
        pipeline.check()
        return pipeline.ready

    assert eventually(is_ready, seconds=120.0)
    return pipeline


class FakeFeaturizer:
    """Featurizes in this process as the faulty children do in theirs; fails on windows of `poison`."""

    device: Literal["cpu", "cuda"] = "cpu"

    def __init__(self, *, poison: Iterable[float] = ()) -> None:
        self.batch_sizes: list[int] = []
        self.closed = False
        self._poison = set(poison)
        self._executor = ThreadPoolExecutor(1)

    def submit(self, windows: NDArray[np.float32]) -> Future[NDArray[np.float32]]:
        return self._executor.submit(self._featurize, windows)

    def close(self) -> None:
        self._executor.shutdown()
        self.closed = True

    def _featurize(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batch_sizes.append(len(windows))
        if self._poison & set(windows[:, 0].tolist()):
            raise ArithmeticError("poison")
        return fake_features(windows)
