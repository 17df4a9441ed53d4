"""Turns scaled rows into the genre of the nearest row of the fit: the best detector of leaks there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.models.kind import Task
from training.models.tabular.graph import OUTPUT, Part, write_graph
from training.models.tabular.scaling import SCALED, Scaling
from training.windows import LabelledWindows

_BLOCK_ROWS = 1_024
"""Rows that are compared with all stored ones at once: 8 bytes for each pair are held."""


@dataclass(frozen=True, slots=True)
class FittedNeighbours:
    """Every row of the fit; the genre of the nearest gets probability 1.

    Attributes
    ----------
    scaling : Scaling
        From raw rows.
    stored : ndarray, shape (n_stored, width), float64
        Scaled rows, no two alike.
    genres : ndarray, shape (n_stored, n_genres), float32
        1 at each stored row's genre, 0 elsewhere.
    """

    scaling: Scaling
    stored: NDArray[np.float64]
    genres: NDArray[np.float32]

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose: the stored rows' too."""
        return self.scaling.n_parameters + self.stored.size + len(self.genres)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, shape (n, width), float32."""
        rows = self.scaling(inputs)
        squares = (self.stored**2).sum(axis=1)
        nearest = [
            # The asked row's own square is the same for every stored row and cannot change which is nearest.
            (squares - 2.0 * (rows[start : start + _BLOCK_ROWS] @ self.stored.T)).argmin(axis=1)
            for start in range(0, len(rows), _BLOCK_ROWS)
        ]
        return np.asarray(self.genres[np.concatenate([np.zeros(0, dtype=np.intp), *nearest])])

    def onnx_bytes(self) -> bytes:
        """Write the model as one graph."""
        nodes = [
            helper.make_node("MatMul", [SCALED, "stored_twice"], ["products"]),
            helper.make_node("Sub", ["squares", "products"], ["distances"]),
            helper.make_node("ArgMin", ["distances"], ["nearest"], axis=1, keepdims=0),
            helper.make_node("Gather", ["genres", "nearest"], ["found"], axis=0),
            helper.make_node("Cast", ["found"], [OUTPUT], to=TensorProto.FLOAT),
        ]
        constants: dict[str, NDArray[np.generic]] = {
            "stored_twice": 2.0 * self.stored.T,
            "squares": (self.stored**2).sum(axis=1),
            "genres": self.genres.astype(np.int8),
        }
        width, n_genres = self.stored.shape[1], self.genres.shape[1]
        parts = [self.scaling.part(), Part(nodes, constants)]
        return write_graph(parts, input_shape=("n", width), output_shape=("n", n_genres))


@dataclass(frozen=True, slots=True, kw_only=True)
class FitNeighbours:
    """Stores the rows of the fit.

    A row's weight matters only where the same row lies under two genres: the heavier genre is kept.

    Attributes
    ----------
    within_tracks : float or None
        Share of a round scatter in distances that make tracks stand apart (`Scaling.fit_within_tracks`);
        None for plain standardisation.
    """

    within_tracks: float | None = None

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedNeighbours:
        """Fit; nothing is drawn, so that every `seed` gives the same model."""
        del seed
        names = task.feature_names
        if self.within_tracks is None:
            scaling = Scaling.fit(windows, feature_names=names)
        else:
            scaling = Scaling.fit_within_tracks(windows, feature_names=names, shrinkage=self.within_tracks)
        rows, place = np.unique(windows.inputs, axis=0, return_inverse=True)
        votes = np.zeros((len(rows), len(task.genres)))
        np.add.at(votes, (place.ravel(), windows.targets(task.genres)), windows.weights)
        winners = np.eye(len(task.genres), dtype=np.float32)[votes.argmax(axis=1)]
        on_progress(1.0)
        return FittedNeighbours(scaling, scaling(rows), winners)
