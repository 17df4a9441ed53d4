"""A turn of the loop waits the longer for a record the less there is to miss meanwhile."""

from __future__ import annotations

import pytest

from tests.consumer.loop_bench import Bench
from tests.consumer.records import settings_with


def _turn_seconds(*, tracks: int) -> float:
    """Give how long a turn without a record takes while so many tracks are under way."""
    bench = Bench(settings_with(), partitions=1)
    bench.start()
    bench.publish(*range(1, tracks + 1))
    bench.turn(tracks + 5)
    assert bench.loop.snapshot.polled_at == bench.clock.monotonic()
    return _seconds_of_a_turn(bench)


def _seconds_of_a_turn(bench: Bench) -> float:
    before = bench.clock.monotonic()
    bench.turn()
    return bench.clock.monotonic() - before


@pytest.mark.parametrize(("tracks", "seconds"), [(1, 0.01), (3, 0.03), (5, 0.05), (20, 0.05)])
def test_a_busy_turn_waits_ten_milliseconds_a_track_and_fifty_at_most(tracks: int, seconds: float) -> None:
    assert _turn_seconds(tracks=tracks) == pytest.approx(seconds, abs=0.001)


def test_an_idle_turn_waits_for_less_than_half_a_second() -> None:
    assert 0.1 < _turn_seconds(tracks=0) < 0.5


def test_a_turn_with_nothing_left_but_a_commit_waits_as_for_one_track() -> None:
    bench = Bench(settings_with(worker={"flush_interval_seconds": 60.0}), partitions=1)
    bench.start()
    bench.broker.publish("track-uploads", b"no upload", key=b"key")
    bench.turn()
    assert _seconds_of_a_turn(bench) == pytest.approx(0.01, abs=0.001)
    assert bench.committed() == 0
