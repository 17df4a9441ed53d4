"""Turns a track into a few of its windows, evenly over its length: by seeking, else by decoding all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from featurizer.decode import AudioStream
from featurizer.spec import FeatureSpec
from featurizer.window_policy import WindowPolicy
from featurizer.windows import Room

Array = NDArray[np.float32]
Numbered = tuple[int, Array]
"""A window's number in its track, from 0 on, and its samples."""

# An excerpt costs what 3.3 seconds of audio and a seek cost: for a larger share of the windows than this,
# decoding all of them costs no more.
_MOST_SOUGHT_SHARE = 0.75


class Spread:
    """The windows of one track that a `spread` policy chooses. One thread, once.

    Parameters
    ----------
    stream : AudioStream
        Opened for seeking, nothing read yet.
    spec : FeatureSpec
        Length of a window.
    policy : WindowPolicy
        One of kind `spread`.
    decode : callable
        Gives all windows of the track from its start, in batches as long as the room that it is given.

    Attributes
    ----------
    numbers : list of int
        Of the windows that were given.
    all_sought : bool
        True once all that were wanted were found by seeking: the track was not decoded whole.
    """

    def __init__(
        self,
        stream: AudioStream,
        *,
        spec: FeatureSpec,
        policy: WindowPolicy,
        decode: Callable[[Room], Iterator[Array]],
    ) -> None:
        self._stream = stream
        self._window_samples = spec.window_samples
        self._policy = policy
        self._decode = decode
        self.numbers: list[int] = []
        self.all_sought = False

    def windows(self, room: Room) -> Iterator[Array]:
        """Give the windows in order of time, in batches as long as what `room` gives.

        Where a place cannot be sought (the file is shorter than its header says, or damaged there), what is
        still wanted is looked for in the whole track; it may then be less than the policy's count.
        """
        n_samples = self._stream.seekable_samples()
        n_windows = 0 if n_samples is None else n_samples // self._window_samples
        wanted = self._policy.choose(n_windows)
        is_worth_it = len(wanted) <= _MOST_SOUGHT_SHARE * n_windows
        if wanted and is_worth_it:
            yield from self._seek(wanted, room)
            self.all_sought = len(self.numbers) == len(wanted)
            if self.all_sought:
                return
        self._stream.rewind()
        # Before the first window was given, a length that has proved wrong need not be believed further.
        is_planned = bool(self.numbers) or not is_worth_it
        missing = set(wanted[len(self.numbers) :])
        yield from self._pack(self._find(missing) if is_planned else self._thin(), room)

    def _seek(self, wanted: tuple[int, ...], room: Room) -> Iterator[Array]:
        """Give windows by seeking; ends with the batch before a place that cannot be sought."""
        while len(self.numbers) < len(wanted):
            windows = room()
            batch = wanted[len(self.numbers) : len(self.numbers) + len(windows)]
            for number, window in zip(batch, windows, strict=False):
                if not self._stream.excerpt(number * self._window_samples, into=window):
                    return
            self.numbers += batch
            yield windows[: len(batch)]

    def _all(self) -> Iterator[Numbered]:
        def fresh() -> Array:
            return np.empty((1, self._window_samples), dtype=np.float32)

        return ((number, windows[0]) for number, windows in enumerate(self._decode(fresh)))

    def _find(self, wanted: set[int]) -> Iterator[Numbered]:
        return (numbered for numbered in self._all() if numbered[0] in wanted)

    def _thin(self) -> list[Numbered]:
        """Choose from a track whose length shows at its end only, holding twice the count at most.

        Where it is longer than that, the windows are multiples of a power of two, and each lies before the
        one that `choose` names by less than that.
        """
        most = 2 * (self._policy.count or 0)
        kept: list[Numbered] = []
        stride, n_windows = 1, 0
        for number, window in self._all():
            n_windows = number + 1
            if number % stride:
                continue
            if len(kept) == most:
                kept, stride = kept[::2], 2 * stride
                if number % stride:
                    continue
            kept.append((number, window))
        return [kept[number // stride] for number in self._policy.choose(n_windows)]

    def _pack(self, chosen: Iterable[Numbered], room: Room) -> Iterator[Array]:
        windows, n_packed = None, 0
        for number, window in chosen:
            if windows is None:
                windows, n_packed = room(), 0
            windows[n_packed] = window
            self.numbers.append(number)
            n_packed += 1
            if n_packed == len(windows):
                yield windows
                windows = None
        if windows is not None:
            yield windows[:n_packed]
