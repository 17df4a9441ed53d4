"""A pipe gets a line at the start and then one now and then, a terminal a bar with a rate."""

from __future__ import annotations

import io

from rich.console import Console

from training.featurizing.progress import TrackBar


class Clock:
    """Seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_gets_a_line_each_half_minute_with_the_rate_and_the_time_left() -> None:
    clock, out = Clock(), io.StringIO()
    with TrackBar(Console(file=out, width=200), clock=clock) as bar:
        bar.begin(1_000, 100)
        for _ in range(90):
            clock.now += 0.5
            bar.advance()
        assert bar.seconds == 45.0
        bar.begin(70, 0)
        for _ in range(60):
            clock.now += 0.5
            bar.advance()
    assert out.getvalue().splitlines() == [
        "featurizing 1000 tracks, 100 of them done before",
        "160 of 1000 tracks, 2.0 tracks/s, 420 s left",
        "featurizing 70 tracks",
        "60 of 70 tracks, 2.0 tracks/s, 5 s left",
    ]


def test_a_terminal_gets_a_bar_with_the_rate() -> None:
    out = io.StringIO()
    with TrackBar(Console(file=out, force_terminal=True, width=200)) as bar:
        bar.begin(2, 0)
        bar.advance()
        bar.advance()
    assert "2/2" in out.getvalue()
    assert "tracks/s" in out.getvalue()
