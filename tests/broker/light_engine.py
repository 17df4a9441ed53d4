"""Labels tracks without audio, late and out of order: what a worker's Kafka side is tested with."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Sequence
from queue import Queue
from typing import Self

from consumer.events import ModelStamp
from consumer.jobs import Completion, Ticket, TopicPartition, TrackJob
from tests.consumer.engines import label_for


class LightEngine:
    """Ends each job after a random share of `seconds`; stands in for the pipeline of the model `stamp`."""

    ready = True

    def __init__(self, seconds: float, *, stamp: ModelStamp | None = None) -> None:
        self._stamped = {} if stamp is None else {"model": stamp}
        self.completions: Queue[Completion] = Queue()
        self._seconds = seconds
        self._rng = random.Random(0)
        self._due: list[tuple[float, int, TrackJob]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def describe(self) -> dict[str, str]:
        return {"model": "light"}

    def submit(self, job: TrackJob) -> None:
        due = time.monotonic() + self._rng.uniform(0.1, 1.0) * self._seconds
        with self._changed:
            heapq.heappush(self._due, (due, id(job), job))
            self._changed.notify()

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        return ()  # everything has started

    def check(self) -> None:
        pass

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                if not self._due or self._due[0][0] > now:
                    self._changed.wait(self._due[0][0] - now if self._due else None)
                    continue
                _, _, job = heapq.heappop(self._due)
            label = label_for(job.event).model_copy(update=self._stamped)
            self.completions.put(Completion(job.ticket, label))
