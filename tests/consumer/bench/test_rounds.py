from __future__ import annotations

from collections.abc import Callable

import pytest

from consumer.bench.rounds import Side, interleave


class Clocks:
    """Two clocks that move only while a side runs: the wall's twice as fast."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> float:
        return 2 * self.now

    def cpu(self) -> float:
        return self.now


def test_each_side_is_timed_on_every_item_by_the_mean_of_its_repeats() -> None:
    clocks = Clocks()

    def work(seconds: float) -> None:
        clocks.now += seconds

    sides: tuple[Side[float], ...] = (
        Side("short", work, repeats=4),
        Side("long", lambda item: work(10 * item)),
    )
    timings = interleave(sides, [1.0, 2.0], wall_clock=clocks.wall, cpu_clock=clocks.cpu)
    assert timings["short"].cpu == pytest.approx([1.0, 2.0])
    assert timings["short"].wall == pytest.approx([2.0, 4.0])
    assert timings["long"].cpu == pytest.approx([10.0, 20.0])


def _noting(order: list[str], name: str) -> Callable[[int], None]:
    return lambda _item: order.append(name)


def test_each_round_begins_with_another_side() -> None:
    order: list[str] = []
    sides: list[Side[int]] = [Side(name, _noting(order, name)) for name in "abc"]
    heard: list[str] = []
    interleave(sides, range(4), on_run=heard.append)
    assert order == list("abcbcacababc")
    assert heard == order
