"""Turns `all`, `first:N` and `spread:N` into which windows of a track are used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

MAX_COUNT: Final = 240
"""Most windows that `first` and `spread` may name: twelve minutes. Of a track that cannot be sought, `spread`
holds up to twice as many in memory, 127 MB."""

_WORDS: Final = re.compile(r"(first|spread):([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """Which windows of a track are decoded, featurized and scored.

    A track that has no more windows than `count` is used whole, whatever the policy.

    Attributes
    ----------
    kind : {"all", "first", "spread"}
        `first`: those at the start, and decoding ends with the last. `spread`: evenly over the track, each
        in the middle of its share; found by seeking where the format allows it.
    count : int or None
        How many windows, 1 to 240; None with `all`.
    """

    kind: Literal["all", "first", "spread"] = "all"
    count: int | None = None

    def __post_init__(self) -> None:
        if (self.kind == "all") != (self.count is None):
            raise ValueError(f"a policy is all, first:N or spread:N: kind={self.kind} count={self.count}")
        if self.count is not None and not 1 <= self.count <= MAX_COUNT:
            raise ValueError(f"a policy counts 1 to {MAX_COUNT} windows: count={self.count}")

    def __str__(self) -> str:
        return self.kind if self.count is None else f"{self.kind}:{self.count}"

    @classmethod
    def parse(cls, text: str) -> WindowPolicy:
        """Read what `str` writes.

        Raises
        ------
        ValueError
            `text` is none of `all`, `first:N` and `spread:N` with N from 1 to 240.
        """
        if text == "all":
            return ALL
        match = _WORDS.fullmatch(text)
        if match is None:
            raise ValueError(f"expected all, first:N or spread:N: {text!r}")
        return cls("first" if match[1] == "first" else "spread", int(match[2]))

    def choose(self, n_windows: int) -> tuple[int, ...]:
        """Give the numbers of the windows that are used of so many, ascending from 0."""
        if self.count is None or n_windows <= self.count:
            return tuple(range(n_windows))
        if self.kind == "first":
            return tuple(range(self.count))
        return tuple((2 * part + 1) * n_windows // (2 * self.count) for part in range(self.count))


ALL: Final = WindowPolicy()
"""Every window, one after another."""
