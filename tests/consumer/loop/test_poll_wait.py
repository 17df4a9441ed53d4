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
    before = bench.clock.monotonic()
    bench.turn()
    return bench.clock.monotonic() - before


@pytest.mark.parametrize(("tracks", "seconds"), [(1, 0.01), (3, 0.03), (5, 0.05), (20, 0.05)])
def test_a_busy_turn_waits_ten_milliseconds_a_track_and_fifty_at_most(tracks: int, seconds: float) -> None:
    assert _turn_seconds(tracks=tracks) == pytest.approx(seconds, abs=0.001)


def test_an_idle_turn_waits_for_less_than_half_a_second() -> None:
    assert 0.1 < _turn_seconds(tracks=0) < 0.5
