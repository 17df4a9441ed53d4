"""Turns features of many tracks into probabilities in batches, one model a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from consumer.config import BatchSettings
from consumer.metrics import Metrics
from consumer.pipeline.batching import Batcher
from modelzoo.errors import ModelError
from modelzoo.manifest import Manifest

Array = NDArray[np.float32]
K = TypeVar("K")


class ScorerPort(Protocol):
    """What a track asks of its model; `modelzoo.scorer.OnnxScorer` is one."""

    @property
    def manifest(self) -> Manifest:
        """Describes the model."""

    def __call__(self, features: Array) -> Array:
        """Turn features [n, width] into probabilities [n, n_genres]."""


@dataclass(frozen=True, slots=True)
class Scored(Generic[K]):
    """Probabilities of a track's windows, float32 [n, n_genres], or why there are none.

    `seconds` is the time of the whole batch.
    """

    key: K
    result: Array | Exception
    seconds: float


@dataclass(frozen=True, slots=True)
class _Request(Generic[K]):
    key: K
    features: Array
    scorer: ScorerPort


class BatchScorer(Generic[K]):
    """Batches whole tracks; owned by the pipeline's thread, which it blocks for the milliseconds of a batch.

    Parameters
    ----------
    settings : BatchSettings
        Size and wait of a batch.
    metrics : Metrics
        Counts windows and batches.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, settings: BatchSettings, *, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._batcher: Batcher[_Request[K]] = Batcher(
            max_windows=settings.max_windows, max_wait_seconds=settings.max_wait_seconds
        )

    def add(self, key: K, *, features: Array, scorer: ScorerPort) -> None:
        """Add a track's features [n, width]; its own model scores them."""
        self._batcher.add(_Request(key, features, scorer), windows=len(features), now=self._clock())

    def due_at(self) -> float:
        """Give when `run` has something to do, in the clock's seconds; infinity where it has not."""
        return self._batcher.due_at()

    def run(self, *, alone: bool) -> list[Scored[K]]:
        """Score the batches that are due; all there is when nothing else can join (`alone`).

        Raises
        ------
        ModelError
            The model itself is at fault.
        """
        scored: list[Scored[K]] = []
        while len(self._batcher) and (alone or self._batcher.due_at() <= self._clock()):
            batch = self._batcher.take()
            for scorer in {id(request.scorer): request.scorer for request in batch}.values():
                scored += self._score(scorer, [request for request in batch if request.scorer is scorer])
        return scored

    def _score(self, scorer: ScorerPort, requests: list[_Request[K]]) -> list[Scored[K]]:
        started, cpu_started = self._clock(), time.thread_time()
        lengths = [len(request.features) for request in requests]
        try:
            probabilities = scorer(np.concatenate([request.features for request in requests]))
        except ModelError:
            raise
        except Exception as exc:  # noqa: BLE001 - one track's nonsense must not fail the batch of many
            if len(requests) == 1:
                return [Scored(requests[0].key, exc, self._clock() - started)]
            return [scored for request in requests for scored in self._score(scorer, [request])]
        seconds = self._clock() - started
        self._metrics.stage_cpu_seconds.labels("score").inc(time.thread_time() - cpu_started)
        self._metrics.windows.inc(sum(lengths))
        self._metrics.batch_windows.observe(sum(lengths))
        self._metrics.batch_tracks.observe(len(requests))
        pieces = np.split(probabilities, np.cumsum(lengths)[:-1])
        return [Scored(request.key, piece, seconds) for request, piece in zip(requests, pieces, strict=True)]
