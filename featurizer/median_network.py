"""Turns the length of a sliding median into a straight-line program of minima and maxima.

Neighbouring outputs of a sliding median share nearly all their inputs. With a window of ``size = 2 n - 1``
inputs, `n` neighbouring outputs share `n` inputs: these are sorted once, then the `n` outputs are split in
halves again and again. Each half merges the inputs that only it shares and keeps the ranks that can still
become its median. For 31 points the program takes 34 operations an output, whatever the data, so it runs on
vectors and on a GPU alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Kind = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: ``value[target] = kind(value[left], value[right])``."""

    kind: Kind
    target: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class MedianProgram:
    """A straight-line program for `n_outputs` neighbouring medians.

    Attributes
    ----------
    n_inputs : int
        Values 0 to ``n_inputs - 1`` are the inputs, in order.
    steps : tuple of Step
        The operations, in an order in which each one's operands are known.
    outputs : tuple of int
        For each output the value that holds it; output `j` is the median of the inputs ``j .. j + size - 1``.
    last_use : tuple of int
        For each value the step after which it is not read again; outputs are never freed.
    """

    n_inputs: int
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    last_use: tuple[int, ...]

    @property
    def n_outputs(self) -> int:
        """Number of medians that one run gives."""
        return len(self.outputs)


@dataclass(slots=True)
class _Builder:
    """Records operations on symbolic values; the same operation twice is recorded once."""

    n_values: int
    steps: list[Step] = field(default_factory=list)
    known: dict[tuple[Kind, int, int], int] = field(default_factory=dict)

    def operation(self, kind: Kind, left: int, right: int) -> int:
        key = (kind, min(left, right), max(left, right))
        if key not in self.known:
            self.known[key] = self.n_values
            self.steps.append(Step(kind, self.n_values, left, right))
            self.n_values += 1
        return self.known[key]

    def exchange(self, left: int, right: int) -> tuple[int, int]:
        return self.operation("min", left, right), self.operation("max", left, right)

    def merge(self, first: list[int], second: list[int]) -> list[int]:
        """Merge two sorted lists of one power-of-two length (Batcher's odd-even merge)."""
        if len(first) == 1:
            return list(self.exchange(first[0], second[0]))
        even = self.merge(first[0::2], second[0::2])
        odd = self.merge(first[1::2], second[1::2])
        merged = [even[0]]
        for lower, upper in zip(odd[:-1], even[1:], strict=True):
            merged.extend(self.exchange(lower, upper))
        return [*merged, odd[-1]]

    def sort(self, values: list[int]) -> list[int]:
        if len(values) == 1:
            return values
        half = len(values) // 2
        return self.merge(self.sort(values[:half]), self.sort(values[half:]))

    def sort_bitonic(self, values: list[int]) -> list[int]:
        """Sort a list that first rises and then falls, or the other way round."""
        if len(values) == 1:
            return values
        half = len(values) // 2
        pairs = [self.exchange(values[i], values[i + half]) for i in range(half)]
        return self.sort_bitonic([low for low, _ in pairs]) + self.sort_bitonic([high for _, high in pairs])

    def middle(self, candidates: list[int], extra: list[int]) -> list[int]:
        """Merge sorted `extra` (m) into sorted `candidates` (2 m); keep the sorted middle m of the 3 m."""
        m = len(extra)
        without_largest = [self.operation("min", candidates[m + i], extra[m - 1 - i]) for i in range(m)]
        without_largest = self.sort_bitonic(without_largest)
        without_smallest = [
            self.operation("max", candidates[i], without_largest[m - 1 - i]) for i in range(m)
        ]
        return self.sort_bitonic(without_smallest)


@lru_cache(maxsize=4)
def sliding_median_program(size: int) -> MedianProgram:
    """Build the program for a sliding median of `size` points.

    Parameters
    ----------
    size : int
        Length of the median: one less than a power of two, at least 3.

    Returns
    -------
    MedianProgram
        Gives ``(size + 1) / 2`` neighbouring medians from ``size + (size - 1) / 2`` inputs.

    Raises
    ------
    ValueError
        If `size` is not one less than a power of two.
    """
    tile = (size + 1) // 2
    if size < 3 or (size + 1) & size:
        raise ValueError(f"median length must be one less than a power of two, at least 3: size={size}")
    n_inputs = size + tile - 1
    builder = _Builder(n_inputs)
    outputs = [0] * tile

    def descend(candidates: list[int], first: int) -> None:
        if len(candidates) == 1:
            outputs[first] = candidates[0]
            return
        half = len(candidates) // 2
        before = builder.sort(list(range(first + half - 1, first + 2 * half - 1)))
        descend(builder.middle(candidates, before), first)
        after = builder.sort(list(range(first + size, first + size + half)))
        descend(builder.middle(candidates, after), first + half)

    descend(builder.sort(list(range(tile - 1, size))), 0)
    return _without_dead_steps(builder, n_inputs=n_inputs, outputs=tuple(outputs))


def _without_dead_steps(builder: _Builder, *, n_inputs: int, outputs: tuple[int, ...]) -> MedianProgram:
    needed = set(outputs)
    steps: list[Step] = []
    for step in reversed(builder.steps):
        if step.target in needed:
            needed.update((step.left, step.right))
            steps.append(step)
    steps.reverse()
    last_use = [-1] * builder.n_values
    for index, step in enumerate(steps):
        last_use[step.left] = last_use[step.right] = index
    for output in outputs:
        last_use[output] = len(steps)
    return MedianProgram(n_inputs, tuple(steps), outputs, tuple(last_use))
