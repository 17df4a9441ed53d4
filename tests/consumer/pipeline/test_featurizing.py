"""Samples of many tracks share a batch on the parent's device, and their memory is given back at once."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.config import BatchSettings
from consumer.decoding.events import Samples
from consumer.pipeline.featurizing import BatchFeaturizer, Part
from featurizer.errors import DeviceUnavailableError

Array = NDArray[np.float32]


class ByHand:
    """Finishes a batch when the test says so; its feature is the sample's double."""

    device: Literal["cpu", "cuda"] = "cuda"

    def __init__(self) -> None:
        self.waiting: list[tuple[Array, Future[Array]]] = []

    def submit(self, windows: Array) -> Future[Array]:
        future: Future[Array] = Future()
        self.waiting.append((windows, future))
        return future

    def close(self) -> None:
        assert not self.waiting

    def finish(self, *, poison: float = -1.0) -> None:
        windows, future = self.waiting.pop(0)
        if poison in windows:
            future.set_exception(ArithmeticError("poison"))
        else:
            future.set_result(windows[:, :1] * 2)


class Bench:
    """A batch featurizer between a fake device and counted memory."""

    def __init__(self) -> None:
        self.device = ByHand()
        self.now = 0.0
        self.woken = 0
        self.released: list[int] = []
        settings = BatchSettings(max_windows=4, max_wait_seconds=1.0)
        self.batches = BatchFeaturizer(
            self.device, settings=settings, wake=self._wake, clock=lambda: self.now
        )

    def add(self, number: int, *, value: float, count: int, index: int = 0) -> None:
        windows = np.full((count, 8), value, dtype=np.float32)
        samples = Samples(number, windows, lambda: self.released.append(number))
        self.batches.add(Part(number, index), samples)

    def _wake(self) -> None:
        self.woken += 1


def test_parts_of_many_tracks_share_a_batch_and_get_their_own_features() -> None:
    bench = Bench()
    bench.add(1, value=1.0, count=1)
    bench.add(2, value=2.0, count=3)
    bench.batches.start(alone=False)
    assert [len(windows) for windows, _ in bench.device.waiting] == [4]
    assert bench.released == [1, 2]
    bench.now = 0.25
    bench.device.finish()
    assert bench.woken == 1
    (batch,) = bench.batches.collect()
    assert batch.seconds == 0.25
    features = {part.number: np.asarray(result) for part, result in batch.parts}
    assert features[1].tolist() == [[2.0]]
    assert features[2].tolist() == [[4.0]] * 3
    assert not bench.batches.busy


def test_a_batch_waits_for_company_unless_nothing_else_can_come() -> None:
    bench = Bench()
    bench.add(1, value=1.0, count=1)
    bench.batches.start(alone=False)
    assert bench.device.waiting == []
    assert bench.batches.due_at() == 1.0
    bench.batches.start(alone=True)
    assert len(bench.device.waiting) == 1


def test_two_batches_are_under_way_at_most_and_the_next_grows_meanwhile() -> None:
    bench = Bench()
    for number in range(1, 7):
        bench.add(number, value=1.0, count=2)
        bench.batches.start(alone=True)
    assert len(bench.device.waiting) == 2
    bench.device.finish()
    bench.batches.collect()
    bench.batches.start(alone=True)
    assert [len(windows) for windows, _ in bench.device.waiting] == [2, 4]


def test_a_poisoned_part_fails_alone() -> None:
    bench = Bench()
    bench.add(1, value=1.0, count=1)
    bench.add(2, value=5.0, count=1)
    bench.add(3, value=3.0, count=1)
    bench.batches.start(alone=True)
    bench.device.finish(poison=5.0)
    assert bench.batches.collect() == []
    while bench.device.waiting:
        bench.device.finish(poison=5.0)
    results = dict(entry for batch in bench.batches.collect() for entry in batch.parts)
    assert isinstance(results[Part(2, 0)], ArithmeticError)
    assert np.asarray(results[Part(1, 0)]).tolist() == [[2.0]]
    assert np.asarray(results[Part(3, 0)]).tolist() == [[6.0]]


def test_a_device_that_fails_on_everything_is_gone() -> None:
    bench = Bench()

    def fail_for_ever() -> None:
        for number in range(20):
            bench.add(number, value=5.0, count=1)
            bench.batches.start(alone=True)
            bench.device.finish(poison=5.0)
            bench.batches.collect()

    with pytest.raises(DeviceUnavailableError, match="poison"):
        fail_for_ever()
