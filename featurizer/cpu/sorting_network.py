"""Turns the length of a list into the comparisons that sort it, whatever it holds.

Batcher's odd-even merge sort (AFIPS Spring Joint Computer Conference, 1968).
"""

from __future__ import annotations

from collections.abc import Sequence

Exchange = tuple[int, int]
"""Puts the lesser of two places into the first of them, and the greater into the second."""


def sorting_network(n: int) -> list[Exchange]:
    """Give the exchanges that sort `n` places, `n` a power of two."""
    return _sort(range(n))


def merging_network(n: int) -> list[Exchange]:
    """Give the exchanges that sort `n` places whose halves are sorted, `n` a power of two."""
    return _merge(range(n))


def _sort(places: Sequence[int]) -> list[Exchange]:
    if len(places) < 2:
        return []
    half = len(places) // 2
    return _sort(places[:half]) + _sort(places[half:]) + _merge(places)


def _merge(places: Sequence[int]) -> list[Exchange]:
    if len(places) == 2:
        return [(places[0], places[1])]
    between = [(places[index], places[index + 1]) for index in range(1, len(places) - 1, 2)]
    return _merge(places[0::2]) + _merge(places[1::2]) + between
