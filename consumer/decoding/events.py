"""Names what the pool tells the pipeline: a task's fetch, its windows, and its one end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.decoding.messages import Fetched, Finished, Retried


@dataclass(frozen=True, slots=True)
class Vectors:
    """Feature vectors of a track's next windows, float32 [n, width]."""

    number: int
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of a track's next windows, float32 [n, window_samples]; `release` gives the memory back."""

    number: int
    windows: NDArray[np.float32]
    release: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Failed:
    """The track has no more windows because of `error`."""

    number: int
    error: Exception


Event = Fetched | Retried | Vectors | Samples | Finished | Failed
"""`number` is the task's. A task ends with one `Finished` or `Failed`, and nothing follows that."""
