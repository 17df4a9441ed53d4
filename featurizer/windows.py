"""Turns a stream of mono blocks of any lengths into windows of one length."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from featurizer.errors import TooShortError
from featurizer.spec import FeatureSpec

Room = Callable[[], NDArray[np.float32]]
"""Gives memory for the next windows: float32 [n, window_samples] in C order, n at least 1."""


class Windower:
    """Cut a stream into consecutive windows that do not overlap, counting in whole samples.

    The windows depend on the samples only, never on how these were split into blocks. Each sample is copied
    once, to where its window shall lie. One thread at a time; only `room` may block.

    Parameters
    ----------
    spec : FeatureSpec
        Its `window_samples` and `min_samples` rule.
    room : callable
        Asked when the first sample of the next batch is there; how many windows it has room for is the
        length of that batch.

    Attributes
    ----------
    samples : int
        Samples pushed so far.
    short : bool
        True once `flush` has repeated a clip to fill its only window.
    """

    def __init__(self, spec: FeatureSpec, *, room: Room) -> None:
        self._spec = spec
        self._room = room
        self._windows: NDArray[np.float32] | None = None
        self._line: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._filled = 0
        self._flushed = False
        self.samples = 0
        self.short = False

    def push(self, block: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Take the next samples and give the batches that they complete.

        Parameters
        ----------
        block : float32 array, shape [n], n >= 0
            It may be reused by the caller when the iterator has ended; nothing happens before it is iterated.

        Yields
        ------
        float32 array, shape [k, window_samples]
            All of what `room` gave.

        Raises
        ------
        ValueError
            When called after `flush`.
        """
        self._refuse_after_flush()
        self.samples += len(block)
        start = 0
        while start < len(block):
            if self._windows is None:
                self._windows = self._room()
                self._line, self._filled = self._windows.reshape(-1), 0
            part = block[start : start + len(self._line) - self._filled]
            self._line[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            start += len(part)
            if self._filled == len(self._line):
                whole, self._windows = self._windows, None
                yield whole

    def flush(self) -> NDArray[np.float32]:
        """End the stream.

        A rest after a whole window is dropped: its features would be those of another length. A track that
        is shorter than one window is repeated to fill it, because zeros would move the features (mfcc1_var
        by 5 standard deviations) and repeating costs no accuracy.

        Returns
        -------
        float32 array, shape [k, window_samples], k >= 0
            What the last batch holds.

        Raises
        ------
        TooShortError
            When fewer than `min_samples` were pushed in all.
        ValueError
            When called twice.
        """
        self._refuse_after_flush()
        self._flushed = True
        spec = self._spec
        if self.samples < spec.min_samples:
            raise TooShortError(
                f"track is too short to label: duration_seconds={self.samples / spec.sample_rate:.3f}, "
                f"at least {spec.min_samples / spec.sample_rate:.3f} are needed"
            )
        if self._windows is None:
            return np.empty((0, spec.window_samples), dtype=np.float32)
        if self.samples < spec.window_samples:
            self.short = True
            self._windows[0] = np.resize(self._line[: self.samples], spec.window_samples)
            return self._windows[:1]
        return self._windows[: self._filled // spec.window_samples]

    def _refuse_after_flush(self) -> None:
        if self._flushed:
            raise ValueError("this Windower was flushed: make a new one for the next track")
