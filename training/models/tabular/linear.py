"""Turns scaled rows into probabilities by one matrix: logistic regression and discriminant analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from training.models.kind import Effort, Task
from training.models.tabular.graph import Part, softmax, softmax_part, write_graph
from training.models.tabular.scaling import SCALED, Columns, Scaling
from training.windows import LabelledWindows


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """A softmax of weighted sums of scaled columns.

    Attributes
    ----------
    scaling : Scaling
        From raw rows.
    weight : ndarray, shape (width, n_genres), float64
        Of scaled columns.
    bias : ndarray, shape (n_genres,), float64
        Added to the sums.
    """

    scaling: Scaling
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose."""
        return self.scaling.n_parameters + self.weight.size + self.bias.size

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, shape (n, width), float32."""
        return softmax(self.scaling(inputs) @ self.weight + self.bias)

    def onnx_bytes(self) -> bytes:
        """Write the model as one graph."""
        sums = Part(
            [
                helper.make_node("MatMul", [SCALED, "weight"], ["sums"]),
                helper.make_node("Add", ["sums", "bias"], ["scores"]),
            ],
            {"weight": self.weight, "bias": self.bias},
        )
        width, n_genres = self.weight.shape
        parts = [self.scaling.part(), sums, softmax_part("scores")]
        return write_graph(parts, input_shape=("n", width), output_shape=("n", n_genres))


@dataclass(frozen=True, slots=True, kw_only=True)
class FitLogistic:
    """Fits logistic regression.

    Attributes
    ----------
    strength : float
        Inverse of the penalty on squared weights, for rows that weigh 1 each.
    columns : Columns
        What the table's columns are.
    """

    strength: float
    columns: Columns = Columns.OF_WINDOWS

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedLinear:
        """Fit; nothing is drawn, so that every `seed` gives the same model."""
        del seed
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # a second to import

        scaling = Scaling.fit(windows, feature_names=task.feature_names, columns=self.columns)
        rounds = {Effort.FULL: 1_000, Effort.QUICK: 100}[task.effort]
        model = LogisticRegression(C=self.strength, max_iter=rounds, tol=1e-3)
        targets = windows.targets(task.genres)
        model.fit(scaling(windows.inputs), targets, sample_weight=windows.weights)
        on_progress(1.0)
        weight, bias = model.coef_.T, model.intercept_
        if len(task.genres) == 2:  # One column of scores, of the second genre against the first
            weight, bias = np.hstack([-weight, weight]) / 2.0, np.array([-bias[0], bias[0]]) / 2.0
        return FittedLinear(scaling, weight, bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDiscriminant:
    """Fits linear discriminant analysis with a covariance that is shrunk toward a round one.

    Source: Hastie, Tibshirani and Friedman, "The elements of statistical learning", section 4.3.

    Attributes
    ----------
    shrinkage : float
        Share of the round covariance, in (0, 1].
    temperature : float
        What the scores are divided by. They take a track's windows for independent, and few rows for many;
        over 1 they claim less.
    columns : Columns
        As in `FitLogistic`.
    """

    shrinkage: float
    temperature: float = 1.0
    columns: Columns = Columns.OF_WINDOWS

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedLinear:
        """Fit; nothing is drawn, so that every `seed` gives the same model."""
        del seed
        scaling = Scaling.fit(windows, feature_names=task.feature_names, columns=self.columns)
        rows, weights = scaling(windows.inputs), windows.weights.astype(np.float64)
        targets = windows.targets(task.genres)
        totals = np.bincount(targets, weights=weights, minlength=len(task.genres))
        means = _weighted_sums(rows, targets=targets, weights=weights, n=len(totals)) / totals[:, None]
        apart = rows - means[targets]
        covariance = (apart * weights[:, None]).T @ apart / weights.sum()
        size = max(float(np.trace(covariance)) / len(covariance), 1e-12)
        covariance = (1.0 - self.shrinkage) * covariance + self.shrinkage * size * np.eye(len(covariance))
        weight = np.linalg.solve(covariance, means.T)
        bias = np.log(totals / totals.sum()) - 0.5 * (means.T * weight).sum(axis=0)
        on_progress(1.0)
        return FittedLinear(scaling, weight / self.temperature, bias / self.temperature)


def _weighted_sums(
    rows: NDArray[np.float64], *, targets: NDArray[np.int64], weights: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    sums = np.zeros((n, rows.shape[1]))
    np.add.at(sums, targets, rows * weights[:, None])
    return sums
