"""Turns windows of any kind with their labels into one table: cut, joined and weighed as a protocol needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """Labelled windows, in order of track and of time.

    Attributes
    ----------
    inputs : ndarray, shape (n, ...), float32
        What a model is given of each window, finite: raw features of shape (width,) each in its own unit, a
        series of shape (n_frames, n_mfcc) or an image of shape (n_mels, n_columns). `InputKind` says more.
    genres : ndarray, shape (n,), str
        Each window's label.
    tracks : ndarray, shape (n,), str
        Name of the track that each window was cut from.
    weights : ndarray, shape (n,), float32
        How much each window counts in a fit, positive.
    """

    inputs: NDArray[np.float32]
    genres: NDArray[np.str_]
    tracks: NDArray[np.str_]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def track_names(self) -> list[str]:
        """Names of the tracks, each once, sorted."""
        return [str(track) for track in np.unique(self.tracks)]

    def rows(self, mask: NDArray[np.bool_] | NDArray[np.intp]) -> LabelledWindows:
        """Take some windows, by mask or by index."""
        return LabelledWindows(self.inputs[mask], self.genres[mask], self.tracks[mask], self.weights[mask])

    def weighing(self, weight: float) -> LabelledWindows:
        """Give every window the same weight in a fit."""
        return LabelledWindows(self.inputs, self.genres, self.tracks, np.full_like(self.weights, weight))

    def of_tracks(self, tracks: frozenset[str]) -> LabelledWindows:
        """Take the windows of some tracks."""
        return self.rows(np.isin(self.tracks, sorted(tracks)))

    def without_tracks(self, tracks: frozenset[str]) -> LabelledWindows:
        """Take all windows but those of some tracks."""
        return self.rows(~np.isin(self.tracks, sorted(tracks)))

    def targets(self, genres: Sequence[str]) -> NDArray[np.int64]:
        """Return each window's label as its place in `genres`.

        Returns
        -------
        ndarray, shape (n,), int64
            In [0, len(genres)).
        """
        place = {genre: index for index, genre in enumerate(genres)}
        return np.array([place[str(genre)] for genre in self.genres], dtype=np.int64)


def join(tables: Sequence[LabelledWindows]) -> LabelledWindows:
    """Put tables under one another."""
    return LabelledWindows(
        np.concatenate([table.inputs for table in tables]),
        np.concatenate([table.genres for table in tables]),
        np.concatenate([table.tracks for table in tables]),
        np.concatenate([table.weights for table in tables]),
    )


def without_repeats(table: LabelledWindows) -> LabelledWindows:
    """Drop windows that the table holds twice.

    Of equal rows under one label the first stays. Equal rows under two labels all go: one of them must be
    wrong.
    """
    _, group = np.unique(table.inputs, axis=0, return_inverse=True)
    _, targets = np.unique(table.genres, return_inverse=True)
    n_groups = int(group.max()) + 1
    lowest = np.full(n_groups, np.iinfo(np.int64).max)
    highest = np.full(n_groups, -1)
    np.minimum.at(lowest, group, targets)
    np.maximum.at(highest, group, targets)
    is_first = np.zeros(len(table), dtype=bool)
    is_first[np.unique(group, return_index=True)[1]] = True
    return table.rows(is_first & (lowest == highest)[group])
