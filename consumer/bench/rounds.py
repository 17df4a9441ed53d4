"""Turns several ways to do one thing into their seconds, measured in turns within one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Side(Generic[T]):
    """One way to do it.

    Attributes
    ----------
    name : str
        What it is called in the report.
    run : callable
        Does it once with the round's item.
    repeats : int
        Runs in a round; their mean counts. More than one where a run is too short to be timed alone.
    """

    name: str
    run: Callable[[T], object]
    repeats: int = 1


@dataclass(slots=True)
class Timings:
    """Seconds of one run of a side, one value a round: on the wall, and of CPU time of this process."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def interleave(
    sides: Sequence[Side[T]],
    items: Iterable[T],
    *,
    on_run: Callable[[str], None] = lambda _name: None,
    wall_clock: Clock = time.perf_counter,
    cpu_clock: Clock = time.process_time,
) -> dict[str, Timings]:
    """Run every side on every item, one round an item.

    Each round begins with another side, so that none always follows the same neighbour.

    Parameters
    ----------
    sides : sequence of Side
        With different names.
    items : iterable
        One a round.
    on_run : callable
        Hears a side's name when it has run in a round.
    wall_clock, cpu_clock : callable
        Seconds. The CPU clock counts every thread of this process, so a side that uses several gains nothing;
        work on other devices or in other processes only the wall clock sees.
    """
    timings = {side.name: Timings() for side in sides}
    for number, item in enumerate(items):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            wall, cpu = wall_clock(), cpu_clock()
            for _ in range(side.repeats):
                side.run(item)
            timings[side.name].wall.append((wall_clock() - wall) / side.repeats)
            timings[side.name].cpu.append((cpu_clock() - cpu) / side.repeats)
            on_run(side.name)
    return timings
