"""Turns several models of one input into one that gives the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from training.models.kind import Fit, FittedModel, Task
from training.models.merging import MergeError, opset_of, take_graph
from training.models.tabular.graph import INPUT, OUTPUT, Part, write_graph
from training.windows import LabelledWindows


@dataclass(frozen=True, slots=True)
class FittedEnsemble:
    """The weighted mean of fitted models' probabilities.

    Attributes
    ----------
    members : tuple of FittedModel
        At least one, all for the same input and the same genres.
    weights : tuple of float
        How much each member counts, positive; they need not sum to 1.
    """

    members: tuple[FittedModel, ...]
    weights: tuple[float, ...]

    @property
    def n_parameters(self) -> int:
        """Numbers that the members' fits chose."""
        return sum(member.n_parameters for member in self.members)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows of the members' input, shape (n, ...), float32."""
        return average_probabilities([member(inputs) for member in self.members], weights=self.weights)

    def onnx_bytes(self) -> bytes:
        """Write the members as one graph."""
        return ensemble_graph([member.onnx_bytes() for member in self.members], weights=self.weights)


@dataclass(frozen=True, slots=True)
class FitEnsemble:
    """Fits several models to the same rows; each counts the same.

    Attributes
    ----------
    members : tuple of Fit
        At least one, all for the same input.
    """

    members: tuple[Fit, ...]

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedEnsemble:
        """Fit the members one after another, all with the same seed."""
        n = len(self.members)
        fitted = []
        for place, member in enumerate(self.members):

            def share_of(done: float, before: int = place) -> None:
                on_progress((before + done) / n)

            fitted.append(member(windows, task=task, seed=seed, on_progress=share_of))
        return FittedEnsemble(tuple(fitted), (1.0,) * n)


def average_probabilities(
    members: Sequence[NDArray[np.float32]], *, weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Average what several models said of the same rows.

    Parameters
    ----------
    members : sequence of ndarray, each of shape (n, n_genres), float32
        Probabilities.
    weights : sequence of float, optional
        How much each member counts, positive; equally by default.

    Returns
    -------
    ndarray, shape (n, n_genres), float32
        In [0, 1], each row summing to 1.
    """
    shares = _shares(weights, n=len(members))
    total = sum(share * member.astype(np.float64) for share, member in zip(shares, members, strict=True))
    return np.asarray(total, dtype=np.float32)


def ensemble_graph(graphs: Sequence[bytes], *, weights: Sequence[float] | None = None) -> bytes:
    """Put models' graphs side by side and average their outputs.

    Parameters
    ----------
    graphs : sequence of bytes
        Of the same input and the same genres, each with one input and one output.
    weights : sequence of float, optional
        How much each counts, positive; equally by default.

    Returns
    -------
    bytes
        A graph of the same input and output. It is written in the newest of the members' versions of ONNX.

    Raises
    ------
    MergeError
        There is none, or their inputs or numbers of genres differ.
    """
    shares = _shares(weights, n=len(graphs))
    opset = max(opset_of(graph) for graph in graphs)
    taken = [
        take_graph(graph, prefix=f"member_{place}_", source=INPUT, result=f"said_{place}", opset=opset)
        for place, graph in enumerate(graphs)
    ]
    shapes = {(member.row_shape, member.n_genres, member.is_of_tracks) for member in taken}
    if len(shapes) > 1:
        raise MergeError(f"members have different inputs or outputs, shapes={sorted(shapes)}")
    nodes = [
        helper.make_node("Mul", [f"said_{place}", f"share_{place}"], [f"weighed_{place}"])
        for place in range(len(taken))
    ]
    nodes.append(helper.make_node("Sum", [f"weighed_{place}" for place in range(len(taken))], [OUTPUT]))
    constants = {f"share_{place}": np.array(share, dtype=np.float32) for place, share in enumerate(shares)}
    return write_graph(
        [*(member.part for member in taken), Part(nodes, constants)],
        input_shape=("n", *taken[0].row_shape),
        output_shape=(1 if taken[0].is_of_tracks else "n", taken[0].n_genres),
        opset=opset,
    )


def _shares(weights: Sequence[float] | None, *, n: int) -> list[float]:
    if n == 0:
        raise MergeError("an ensemble needs at least one member, members=0")
    given = [1.0] * n if weights is None else list(weights)
    if len(given) != n or min(given) <= 0.0:
        raise MergeError(f"each member needs one positive weight, members={n} weights={given}")
    return [weight / sum(given) for weight in given]
