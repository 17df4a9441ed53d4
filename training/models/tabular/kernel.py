"""Turns scaled rows into probabilities by a support vector machine with Gaussian kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from training.models.kind import Effort, Task
from training.models.tabular.graph import Part, softmax, softmax_part, write_graph
from training.models.tabular.scaling import SCALED, Columns, Scaling
from training.windows import LabelledWindows

_BLOCK_ROWS = 1_024
"""Rows whose kernels with all support vectors are held at once."""

_QUICK_ROWS = 3_000
"""Rows of a quick fit, drawn anew for each seed: libsvm's time grows with their square."""

_CACHE_MIB = 1_000


@dataclass(frozen=True, slots=True)
class FittedSvm:
    """Support vectors that decide between every two genres; a genre's score is how surely it wins its duels.

    libsvm's own probabilities come from an iteration that no ONNX operator has, and cost five more fits. Here
    each duel's margin m becomes a probability 1 / (1 + exp(-steepness m)), and a genre's score is the sum of
    the logarithms of its nine.

    Attributes
    ----------
    scaling : Scaling
        From raw rows.
    vectors : ndarray, shape (n_vectors, width), float64
        Support vectors, scaled.
    coefficients : ndarray, shape (n_vectors, n_pairs), float64
        Of each vector's kernel in each duel; pairs in the order of `itertools.combinations`.
    intercepts : ndarray, shape (n_pairs,), float64
        Of each duel.
    gamma : float
        Of the kernel exp(-gamma * squared distance), for rows of mean square width.
    steepness, temperature : float
        Of the duels' probabilities and of the scores.
    """

    scaling: Scaling
    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    gamma: float
    steepness: float
    temperature: float

    @property
    def n_genres(self) -> int:
        """Number of outputs: n of them fight n (n - 1) / 2 duels."""
        return (1 + math.isqrt(1 + 8 * len(self.intercepts))) // 2

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose."""
        own = self.vectors.size + np.count_nonzero(self.coefficients) + self.intercepts.size
        return self.scaling.n_parameters + int(own)

    def margins(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Decide every duel, shape (n, n_pairs): positive for the first of the pair."""
        rows = self.scaling(inputs)
        squares = (self.vectors**2).sum(axis=1)
        blocks = [np.zeros((0, len(self.intercepts)))]
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            distances = (block**2).sum(axis=1)[:, None] + squares - 2.0 * (block @ self.vectors.T)
            blocks.append(np.exp(-self.gamma * distances) @ self.coefficients + self.intercepts)
        return np.concatenate(blocks)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, shape (n, width), float32."""
        duels = self.steepness * self.margins(inputs) @ _signs(self.n_genres)
        lost = np.logaddexp(0.0, -duels).reshape(len(duels), self.n_genres, self.n_genres - 1)
        return softmax(-lost.sum(axis=2) / self.temperature)

    def onnx_bytes(self) -> bytes:
        """Write the model as one graph."""
        n_genres = self.n_genres
        nodes = [
            helper.make_node("MatMul", [SCALED, "vectors_twice"], ["products"]),
            helper.make_node("Mul", [SCALED, SCALED], ["powers"]),
            helper.make_node("ReduceSum", ["powers", "columns"], ["own_squares"], keepdims=1),
            helper.make_node("Add", ["own_squares", "squares"], ["both_squares"]),
            helper.make_node("Sub", ["both_squares", "products"], ["distances"]),
            helper.make_node("Mul", ["distances", "minus_gamma"], ["exponents"]),
            helper.make_node("Exp", ["exponents"], ["kernels"]),
            helper.make_node("MatMul", ["kernels", "coefficients"], ["weighed"]),
            helper.make_node("Add", ["weighed", "intercepts"], ["margins"]),
            helper.make_node("MatMul", ["margins", "signs"], ["duels"]),
            # log(1 + exp(-x)) without overflow: max(-x, 0) + log(1 + exp(-|x|))
            helper.make_node("Neg", ["duels"], ["lost"]),
            helper.make_node("Max", ["lost", "zero"], ["steep"]),
            helper.make_node("Abs", ["duels"], ["sizes"]),
            helper.make_node("Neg", ["sizes"], ["minus_sizes"]),
            helper.make_node("Exp", ["minus_sizes"], ["tails"]),
            helper.make_node("Add", ["tails", "one"], ["tails_and_one"]),
            helper.make_node("Log", ["tails_and_one"], ["soft"]),
            helper.make_node("Add", ["steep", "soft"], ["penalties"]),
            helper.make_node("MatMul", ["penalties", "minus_gather"], ["scores"]),
        ]
        gather = np.repeat(np.eye(n_genres), n_genres - 1, axis=0)
        constants: dict[str, NDArray[np.generic]] = {
            "vectors_twice": 2.0 * self.vectors.T,
            "columns": np.array([1], dtype=np.int64),
            "squares": (self.vectors**2).sum(axis=1),
            "minus_gamma": np.array(-self.gamma),
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
            "signs": self.steepness * _signs(n_genres),
            "zero": np.array(0.0),
            "one": np.array(1.0),
            "minus_gather": -gather / self.temperature,
        }
        parts = [self.scaling.part(), Part(nodes, constants), softmax_part("scores")]
        return write_graph(parts, input_shape=("n", self.vectors.shape[1]), output_shape=("n", n_genres))


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSvm:
    """Fits a support vector machine between every two genres.

    Attributes
    ----------
    penalty : float
        Price of a margin that is missed by 1, of a row that weighs 1 (C).
    gamma : float
        Kernel's exponent for each unit of mean squared difference a column, so that one value serves any
        width.
    within_tracks : float or None
        As in `FitNeighbours`.
    steepness, temperature : float
        As in `FittedSvm`.
    columns : Columns
        As in `FitLogistic`; tracks have no scatter within them.
    """

    penalty: float
    gamma: float
    within_tracks: float | None = None
    steepness: float = 2.0
    temperature: float = 1.0
    columns: Columns = Columns.OF_WINDOWS

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedSvm:
        """Fit; `seed` draws the rows of a quick fit and nothing else."""
        from sklearn.svm import SVC  # noqa: PLC0415  # a second to import

        names = task.feature_names
        if self.within_tracks is None:
            scaling = Scaling.fit(windows, feature_names=names, columns=self.columns)
        else:
            scaling = Scaling.fit_within_tracks(windows, feature_names=names, shrinkage=self.within_tracks)
        if task.effort is Effort.QUICK:
            windows = _some_rows(windows, rng=np.random.default_rng(seed))
        gamma = self.gamma / windows.inputs.shape[1]
        # A coarse stop: finer ones moved no figure in the third digit.
        model = SVC(
            C=self.penalty, gamma=gamma, cache_size=_CACHE_MIB, tol=1e-2, decision_function_shape="ovo"
        )
        model.fit(scaling(windows.inputs), windows.targets(task.genres), sample_weight=windows.weights)
        on_progress(1.0)
        # With two genres only, scikit-learn turns libsvm's sign round: positive is the second.
        sign = -1.0 if len(task.genres) == 2 else 1.0
        return FittedSvm(
            scaling=scaling,
            vectors=np.asarray(model.support_vectors_, dtype=np.float64),
            coefficients=sign * _by_pair(model, n_genres=len(task.genres)),
            intercepts=sign * np.asarray(model.intercept_, dtype=np.float64),
            gamma=gamma,
            steepness=self.steepness,
            temperature=self.temperature,
        )


def _some_rows(windows: LabelledWindows, *, rng: np.random.Generator) -> LabelledWindows:
    """Draw at most `_QUICK_ROWS` rows, of every genre some."""
    share = _QUICK_ROWS / len(windows)
    if share >= 1.0:
        return windows
    chosen = []
    for genre in np.unique(windows.genres):
        rows = rng.permutation(np.flatnonzero(windows.genres == genre))
        chosen.append(rows[: max(1, round(share * len(rows)))])
    return windows.rows(np.sort(np.concatenate(chosen)))


def _by_pair(model: Any, *, n_genres: int) -> NDArray[np.float64]:
    """Unfold libsvm's dual coefficients, shape (n_genres - 1, n_vectors), into one column a pair.

    A vector of genre i has its coefficient of the duel against j in row j - 1 if j > i, else in row j.
    """
    ends = np.cumsum(model.n_support_)
    owned = [slice(end - n, end) for end, n in zip(ends, model.n_support_, strict=True)]
    pairs = list(combinations(range(n_genres), 2))
    columns = np.zeros((int(ends[-1]), len(pairs)))
    for place, (first, second) in enumerate(pairs):
        columns[owned[first], place] = model.dual_coef_[second - 1, owned[first]]
        columns[owned[second], place] = model.dual_coef_[first, owned[second]]
    return columns


def _signs(n_genres: int) -> NDArray[np.float64]:
    """Lay duels out by genre, shape (n_pairs, n_genres * (n_genres - 1)): 1 where it is first, else -1."""
    laid = np.zeros((n_genres * (n_genres - 1) // 2, n_genres, n_genres - 1))
    for place, (first, second) in enumerate(combinations(range(n_genres), 2)):
        laid[place, first, second - 1] = 1.0
        laid[place, second, first] = -1.0
    return laid.reshape(len(laid), -1)
