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

from consumer.decoding.messages import ChildEnd, Enough, Features, Release, Shared
from consumer.decoding.shared_windows import SharedWindows

Featurize = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class WindowSink(Protocol):
    """Where a child puts the windows of its track, in order.

    Attributes
    ----------
    seconds : float
        Spent in `room` and `put` for this track: featurizing, or waiting for the parent. It is not decoding
        time.
    cpu_seconds : float
        CPU time that this process spent on featurizing this track.
    """

    seconds: float
    cpu_seconds: float

    @property
    def featurize_seconds(self) -> float:
        """Seconds of this track in which this process featurized."""

    @property
    def enough(self) -> bool:
        """Whether the parent wants no more windows of this track; asking costs a system call."""

    def begin(self, number: int) -> None:
        """Begin with the windows of a track."""

    def room(self, count: int) -> NDArray[np.float32]:
        """Give memory for windows, float32 [count, window_samples]; may block while the parent is behind.

        The same memory until some of it was put.
        """

    def put(self, windows: NDArray[np.float32]) -> None:
        """Take the next windows, float32 [n, window_samples], all finite; `room`'s first rows or others."""


class FeatureSink:
    """Featurizes in the child and sends the vectors."""

    def __init__(self, link: ChildEnd, featurize: Featurize, *, window_samples: int) -> None:
        self._link = link
        self._featurize = featurize
        self._room = np.empty((0, window_samples), dtype=np.float32)
        self._number = 0
        self._enough = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @property
    def featurize_seconds(self) -> float:
        """All of `seconds`."""
        return self.seconds

    @property
    def enough(self) -> bool:
        """Whether the parent wants no more windows of this track."""
        while self._link.has_message():
            message = self._link.receive()
            if not isinstance(message, Enough):
                raise TypeError(f"expected the word that it is enough, got {type(message).__name__}")
            self._enough |= message.number == self._number
        return self._enough

    def begin(self, number: int) -> None:
        """Begin with the windows of a track."""
        self._number = number
        self._enough = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def room(self, count: int) -> NDArray[np.float32]:
        """Give the same memory each time: `put` has read it when it returns."""
        if len(self._room) < count:
            self._room = np.empty((count, self._room.shape[1]), dtype=np.float32)
        return self._room[:count]

    def put(self, windows: NDArray[np.float32]) -> None:
        """Featurize the next windows and send the vectors."""
        started, cpu_started = time.monotonic(), time.process_time()
        features = np.ascontiguousarray(self._featurize(windows), dtype=np.float32)
        self.seconds += time.monotonic() - started
        self.cpu_seconds += time.process_time() - cpu_started
        self._link.send(Features(self._number, features.tobytes(), len(features)))


class SharingSink:
    """Has samples written into shared memory and tells the parent, which featurizes."""

    def __init__(self, link: ChildEnd, shared: SharedWindows) -> None:
        self._link = link
        self._shared = shared
        self._free = list(range(shared.shape.slabs))
        self._slab: int | None = None
        self._number = 0
        self._enough = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @property
    def featurize_seconds(self) -> float:
        """Zero: the parent knows."""
        return 0.0

    @property
    def enough(self) -> bool:
        """Whether the parent wants no more windows of this track."""
        while self._link.has_message():
            self._hear()
        return self._enough

    def begin(self, number: int) -> None:
        """Begin with the windows of a track; the parent may still read slabs of the one before."""
        self._number = number
        self._enough = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def room(self, count: int) -> NDArray[np.float32]:
        """Give a free slab's first windows; blocks until the parent has given a slab back.

        Raises
        ------
        ValueError
            A slab holds fewer windows.
        """
        return self._shared.view(self._take(), count=count)

    def put(self, windows: NDArray[np.float32]) -> None:
        """Tell the parent of the next windows, which are copied where they do not lie in a slab."""
        for start in range(0, len(windows), self._shared.shape.windows):
            part = windows[start : start + self._shared.shape.windows]
            slab = self._take()
            place = self._shared.view(slab, count=len(part))
            if part.ctypes.data != place.ctypes.data:
                place[:] = part
            self._slab = None
            self._link.send(Shared(self._number, slab, len(part)))

    def release(self, slab: int) -> None:
        """Note that the parent has read a slab."""
        self._free.append(slab)

    def _take(self) -> int:
        if self._slab is None:
            started = time.monotonic()
            while not self._free:
                self._hear()
            self.seconds += time.monotonic() - started
            self._slab = self._free.pop()
        return self._slab

    def _hear(self) -> None:
        message = self._link.receive()
        if isinstance(message, Enough):
            self._enough |= message.number == self._number
        elif isinstance(message, Release):
            self.release(message.slab)
        else:
            raise TypeError(f"expected a slab's release, got {type(message).__name__}")
