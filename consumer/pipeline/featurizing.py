"""Turns samples of many tracks into features in batches, on the parent's device."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from consumer.config import BatchSettings
from consumer.decoding.events import Samples
from consumer.pipeline.batching import Batcher
from featurizer.errors import DeviceUnavailableError

_BATCHES_UNDER_WAY: Final = 2
"""One uploads while one computes. Windows that arrive meanwhile collect, so batches grow with the load."""
_MOST_FAILURES: Final = 8
"""Batches of one part that fail one after another: a broken device, not broken tracks."""

Array = NDArray[np.float32]


class FeaturizerPort(Protocol):
    """What the parent asks of a featurizer; `featurizer.Featurizer` is one."""

    device: Literal["cpu", "cuda"]

    def submit(self, windows: Array) -> Future[Array]:
        """Featurize windows [n, window_samples] in another thread into [n, width]."""

    def close(self) -> None:
        """Finish what was submitted and stop."""


@dataclass(frozen=True, slots=True)
class Part:
    """The `index`-th part of a track's windows."""

    number: int
    index: int


@dataclass(frozen=True, slots=True)
class FeaturizedBatch:
    """A batch that ended: the features of each part, float32 [n, width], or why there are none."""

    parts: tuple[tuple[Part, Array | Exception], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Batch:
    parts: tuple[Part, ...]
    lengths: tuple[int, ...]
    windows: Array
    started: float
    future: Future[Array]


class BatchFeaturizer:
    """Batches samples over tracks; owned by the pipeline's thread.

    Parameters
    ----------
    featurizer : FeaturizerPort
        Does the work, in threads of its own.
    settings : BatchSettings
        Size and wait of a batch.
    wake : callable
        Called from the featurizer's threads when a batch has ended.
    clock : callable
        Monotonic seconds.

    Attributes
    ----------
    device : str
        The featurizer's.
    """

    def __init__(
        self,
        featurizer: FeaturizerPort,
        *,
        settings: BatchSettings,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = featurizer.device
        self._featurizer = featurizer
        self._wake = wake
        self._clock = clock
        self._batcher: Batcher[tuple[Part, Samples]] = Batcher(
            max_windows=settings.max_windows, max_wait_seconds=settings.max_wait_seconds
        )
        self._under_way = 0
        self._ended: deque[_Batch] = deque()
        self._failures = 0

    @property
    def busy(self) -> bool:
        """Whether any part waits or is being featurized."""
        return bool(self._under_way or len(self._batcher))

    def add(self, part: Part, samples: Samples) -> None:
        """Add a part; its memory is given back when its batch begins."""
        self._batcher.add((part, samples), windows=len(samples.windows), now=self._clock())

    def due_at(self) -> float:
        """Give when `start` has something to do, in the clock's seconds; infinity until a batch ends."""
        return inf if self._under_way >= _BATCHES_UNDER_WAY else self._batcher.due_at()

    def start(self, *, alone: bool) -> None:
        """Begin the batches that are due; all there is when nothing else can join (`alone`)."""
        while self._under_way < _BATCHES_UNDER_WAY and len(self._batcher):
            if not alone and self._batcher.due_at() > self._clock():
                return
            batch = self._batcher.take()
            windows = np.concatenate([samples.windows for _, samples in batch])
            for _, samples in batch:
                samples.release()
            lengths = tuple(len(samples.windows) for _, samples in batch)
            self._submit(tuple(part for part, _ in batch), lengths, windows)

    def collect(self) -> list[FeaturizedBatch]:
        """Give the batches that have ended.

        A batch of many parts that failed is tried again part by part, so that one track fails alone.

        Raises
        ------
        DeviceUnavailableError
            The device is gone: nothing but failures one after another.
        """
        results = []
        while self._ended:
            batch = self._ended.popleft()
            self._under_way -= 1
            error = batch.future.exception()
            if error is None:
                self._failures = 0
                results.append(self._split(batch, batch.future.result()))
            elif not isinstance(error, Exception):
                raise error
            elif len(batch.parts) == 1:
                results.append(self._fail(batch, error))
            else:
                self._submit_singly(batch)
        return results

    def close(self) -> None:
        """Stop the featurizer; blocks until its batches have ended."""
        self._featurizer.close()

    def _submit(self, parts: tuple[Part, ...], lengths: tuple[int, ...], windows: Array) -> None:
        self._under_way += 1
        batch = _Batch(parts, lengths, windows, self._clock(), self._featurizer.submit(windows))
        batch.future.add_done_callback(partial(self._end, batch))

    def _end(self, batch: _Batch, _: Future[Array]) -> None:
        self._ended.append(batch)
        self._wake()

    def _submit_singly(self, batch: _Batch) -> None:
        start = 0
        for part, length in zip(batch.parts, batch.lengths, strict=True):
            self._submit((part,), (length,), batch.windows[start : start + length])
            start += length

    def _split(self, batch: _Batch, features: Array) -> FeaturizedBatch:
        pieces = np.split(features, np.cumsum(batch.lengths)[:-1])
        return FeaturizedBatch(tuple(zip(batch.parts, pieces, strict=True)), self._clock() - batch.started)

    def _fail(self, batch: _Batch, error: Exception) -> FeaturizedBatch:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise DeviceUnavailableError(f"the featurizer fails on every batch: {error}") from error
        return FeaturizedBatch(((batch.parts[0], error),), self._clock() - batch.started)
