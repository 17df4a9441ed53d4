"""Turns exported graphs into the rows that each scores in a second on one core."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.benchmark.graphs import Scores, open_graph

_BATCH_VALUES = 1 << 18
"""Numbers in a batch: 256 rows of features, or a few images."""

_MOST_ROWS, _FEWEST_ROWS = 256, 8
_TURN_SECONDS = 0.05
"""How long a graph scores at a turn, at least one batch."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A graph with real rows to score.

    Attributes
    ----------
    graph : bytes
        ONNX.
    rows : ndarray, shape (n, ...), float32
        At least one.
    """

    graph: bytes
    rows: NDArray[np.float32]


Key = TypeVar("Key", bound=Hashable)


def rows_per_second(runners: Mapping[Key, Runner], *, n_rounds: int) -> dict[Key, float]:
    """Let graphs score in turns, and take each one's best turn.

    They alternate so that what else the machine does meets all of them; the best turn is the one that it
    disturbed least.

    Parameters
    ----------
    runners : Mapping of Runner
        What to measure, by name.
    n_rounds : int
        Turns of each.
    """
    ready = {name: (open_graph(runner.graph), _batch(runner.rows)) for name, runner in runners.items()}
    best: dict[Key, float] = {}
    for scores, batch in ready.values():
        scores(batch)  # its first call allocates
    for _ in range(n_rounds):
        for name, (scores, batch) in ready.items():
            best[name] = max(best.get(name, 0.0), _turn(scores, batch))
    return best


def _batch(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    wanted = int(np.clip(_BATCH_VALUES // max(1, rows[0].size), _FEWEST_ROWS, _MOST_ROWS))
    return np.ascontiguousarray(rows[np.arange(wanted) % len(rows)])


def _turn(scores: Scores, batch: NDArray[np.float32]) -> float:
    began = time.perf_counter()
    n_batches = 0
    while True:
        scores(batch)
        n_batches += 1
        elapsed = time.perf_counter() - began
        if elapsed >= _TURN_SECONDS:
            return n_batches * len(batch) / elapsed
