"""Turns windows that a child decoded into messages to its parent: features, or samples in shared memory.

Which of the two is a question of the device. A CPU featurizes in the child, one process a core; a GPU is fed
by the parent, which batches the windows of many tracks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from consumer.decoding.messages import ChildEnd, Features, Release, Shared
from consumer.decoding.shared_windows import SharedWindows
from featurizer.errors import InvalidSamplesError

Featurize = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class WindowSink(Protocol):
    """Where a child puts the windows of its track, in order.

    Attributes
    ----------
    seconds : float
        Spent in `put` for this track: featurizing, or waiting for the parent. It is not decoding time.
    cpu_seconds : float
        CPU time that this process spent on featurizing this track.
    """

    seconds: float
    cpu_seconds: float

    @property
    def featurize_seconds(self) -> float:
        """Seconds of this track in which this process featurized."""

    def begin(self, number: int) -> None:
        """Begin with the windows of a track."""

    def put(self, windows: NDArray[np.float32]) -> None:
        """Take the next windows, float32 [n, window_samples]; may block while the parent is behind.

        Raises
        ------
        InvalidSamplesError
            A sample is NaN or infinite.
        """


class FeatureSink:
    """Featurizes in the child and sends the vectors."""

    def __init__(self, link: ChildEnd, featurize: Featurize) -> None:
        self._link = link
        self._featurize = featurize
        self._number = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @property
    def featurize_seconds(self) -> float:
        """All of `seconds`."""
        return self.seconds

    def begin(self, number: int) -> None:
        """Begin with the windows of a track."""
        self._number = number
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def put(self, windows: NDArray[np.float32]) -> None:
        """Featurize the next windows and send the vectors."""
        started, cpu_started = time.monotonic(), time.process_time()
        features = np.ascontiguousarray(self._featurize(windows), dtype=np.float32)
        self.seconds += time.monotonic() - started
        self.cpu_seconds += time.process_time() - cpu_started
        self._link.send(Features(self._number, features.tobytes(), len(features)))


class SharingSink:
    """Writes samples into shared memory and tells the parent, which featurizes."""

    def __init__(self, link: ChildEnd, shared: SharedWindows) -> None:
        self._link = link
        self._shared = shared
        self._free = list(range(shared.shape.slabs))
        self._number = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @property
    def featurize_seconds(self) -> float:
        """Zero: the parent knows."""
        return 0.0

    def begin(self, number: int) -> None:
        """Begin with the windows of a track; the parent may still read slabs of the one before."""
        self._number = number
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def put(self, windows: NDArray[np.float32]) -> None:
        """Copy the next windows into free slabs; blocks until the parent has given enough of them back."""
        # Checked here, not in the parent: there one bad window would fail the batch of many tracks.
        if not np.isfinite(windows).all():
            raise InvalidSamplesError("samples are NaN or infinite: check the decoder or the source file")
        for start in range(0, len(windows), self._shared.shape.windows):
            part = windows[start : start + self._shared.shape.windows]
            slab = self._take()
            self._shared.view(slab, count=len(part))[:] = part
            self._link.send(Shared(self._number, slab, len(part)))

    def release(self, slab: int) -> None:
        """Note that the parent has read a slab."""
        self._free.append(slab)

    def _take(self) -> int:
        started = time.monotonic()
        while not self._free:
            message = self._link.receive()
            if not isinstance(message, Release):
                raise TypeError(f"expected a slab's release, got {type(message).__name__}")
            self.release(message.slab)
        self.seconds += time.monotonic() - started
        return self._free.pop()
