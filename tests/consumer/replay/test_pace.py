from __future__ import annotations

from consumer.replay.pace import Pace


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_rate_is_no_limit() -> None:
    pace = Pace(clock=Seconds())
    assert all(pace.take(1_000_000) for _ in range(3))
    assert pace.wait_seconds(5) == 0.0


def test_a_rate_holds_over_time_with_a_seconds_burst() -> None:
    seconds = Seconds()
    pace = Pace(10.0, clock=seconds)
    taken = 0
    for _ in range(1_000):
        seconds.now += 0.01
        while pace.take(1):
            taken += 1
    assert taken in (109, 110)  # ten seconds, and what may come at once


def test_a_slow_rate_gives_leave_for_one_track_at_once_and_says_how_long_the_next_waits() -> None:
    seconds = Seconds()
    pace = Pace(0.1, clock=seconds)
    assert pace.take(1)
    assert not pace.take(1)
    assert pace.wait_seconds(1) == 10.0
    seconds.now = 10.0
    assert pace.wait_seconds(1) == 0.0
    assert pace.take(1)


def test_a_record_of_more_tracks_than_a_burst_passes_and_is_paid_for_after() -> None:
    seconds = Seconds()
    pace = Pace(2.0, clock=seconds)
    assert pace.take(10)
    assert not pace.take(1)
    assert pace.wait_seconds(1) == 4.5
    assert pace.take(0)
