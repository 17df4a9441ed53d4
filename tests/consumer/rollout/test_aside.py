"""Onlookers hear every track in order, block nobody, and lose what they cannot take."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from consumer.metrics import Metrics
from consumer.pipeline.heard import HeardTrack
from consumer.rollout.aside import Aside
from tests.consumer.decoding.processes import eventually
from tests.consumer.rollout.listening import WIDTH, heard


class Slow:
    """Notes what it hears, and stands still until it may go on."""

    def __init__(self) -> None:
        self.heard: list[HeardTrack] = []
        self.may_go_on = threading.Event()

    def __call__(self, track: HeardTrack) -> None:
        self.may_go_on.wait(10.0)
        self.heard.append(track)


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.may_go_on.set()


def dropped(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("genrestream_aside_dropped_tracks_total") or 0.0


def test_tracks_come_in_order_and_one_that_raises_stops_nobody(slow: Slow) -> None:
    def fail(_: HeardTrack) -> None:
        raise ZeroDivisionError

    slow.may_go_on.set()
    aside = Aside([fail, slow], metrics=Metrics())
    tracks = [heard() for _ in range(50)]
    for track in tracks:
        aside(track)
    assert eventually(lambda: len(slow.heard) == 50)
    assert all(one is other for one, other in zip(slow.heard, tracks, strict=True))
    aside.close()


def test_what_is_too_much_is_counted_and_dropped_and_never_waited_for(slow: Slow) -> None:
    metrics = Metrics()
    aside = Aside([slow], metrics=metrics)
    long = heard(np.zeros((20_000, WIDTH), dtype=np.float32))
    for _ in range(10):
        aside(long)
    assert 6 <= dropped(metrics) <= 7  # one may be in hand, three wait
    slow.may_go_on.set()
    assert eventually(lambda: len(slow.heard) + dropped(metrics) == 10)
    before = dropped(metrics)
    slow.may_go_on.clear()
    for _ in range(3):  # there is room again for as many as before
        aside(long)
    assert dropped(metrics) == before
    slow.may_go_on.set()
    aside.close()
