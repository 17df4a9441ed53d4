"""Turns raw rows into probabilities by gradient-boosted trees, LightGBM's or XGBoost's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.models.kind import Effort, Task
from training.models.tabular.graph import softmax
from training.models.tabular.trees import LEAF, Cut, Forest, Tree
from training.windows import LabelledWindows


class Library(Protocol):
    """What a library's fitted booster can tell."""

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows, shape (n, n_genres), n at least 1, before the softmax."""
        ...

    def contributions(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Divide each score among the columns, shape (n, n_genres, width): exact SHAP values."""
        ...

    def forest(self, *, n_genres: int, width: int) -> Forest:
        """Take the trees out."""
        ...


@dataclass(frozen=True, slots=True)
class FittedTrees:
    """Boosted trees on raw rows: no scaling, which could not change where a tree cuts.

    Attributes
    ----------
    library : Library
        The booster.
    n_genres, width : int
        Numbers of outputs and of columns.
    """

    library: Library
    n_genres: int
    width: int

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose."""
        return self.library.forest(n_genres=self.n_genres, width=self.width).n_parameters

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, shape (n, width), float32."""
        if len(inputs) == 0:
            return np.zeros((0, self.n_genres), dtype=np.float32)
        return softmax(self.library.scores(inputs))

    def contributions(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Divide each score (log-odds) among the columns, shape (n, n_genres, width): exact SHAP values.

        Source: Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree ensembles",
        2018.
        """
        return self.library.contributions(inputs)

    def onnx_bytes(self) -> bytes:
        """Write the model as one graph."""
        return self.library.forest(n_genres=self.n_genres, width=self.width).onnx_bytes()


@dataclass(frozen=True, slots=True)
class LightGbm:
    """A booster of LightGBM."""

    booster: Any

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Library`."""
        return np.asarray(self.booster.predict(inputs, raw_score=True, num_threads=1))

    def contributions(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Library`."""
        flat = np.asarray(self.booster.predict(inputs, pred_contrib=True, num_threads=1))
        # One column more than the inputs' for each genre: the mean score.
        return flat.reshape(len(inputs), -1, inputs.shape[1] + 1)[:, :, :-1]

    def forest(self, *, n_genres: int, width: int) -> Forest:
        """See `Library`."""
        told = self.booster.dump_model()["tree_info"]
        trees = [_unfold(tree["tree_structure"], genre=place % n_genres) for place, tree in enumerate(told)]
        return Forest(trees, Cut.AT_MOST, np.zeros(n_genres), width)


@dataclass(frozen=True, slots=True)
class XgBoost:
    """A booster of XGBoost."""

    booster: Any

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Library`."""
        import xgboost  # noqa: PLC0415  # a second to import

        scores = self.booster.predict(xgboost.DMatrix(inputs, nthread=1), output_margin=True)
        return np.asarray(scores, dtype=np.float64)

    def contributions(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Library`."""
        import xgboost  # noqa: PLC0415  # a second to import

        values = self.booster.predict(xgboost.DMatrix(inputs, nthread=1), pred_contribs=True)
        return np.asarray(values[:, :, :-1], dtype=np.float64)

    def forest(self, *, n_genres: int, width: int) -> Forest:
        """See `Library`."""
        told = json.loads(bytes(self.booster.save_raw(raw_format="json")))["learner"]
        start = json.loads(told["learner_model_param"]["base_score"])
        model = told["gradient_booster"]["model"]
        trees = []
        for tree, genre in zip(model["trees"], model["tree_info"], strict=True):
            firsts, seconds = (np.array(tree[side]) for side in ("left_children", "right_children"))
            is_leaf = firsts < 0
            trees.append(
                Tree(
                    genre=int(genre),
                    features=np.where(is_leaf, LEAF, tree["split_indices"]),
                    # One field holds thresholds and, at leaves, their scores; float32 written in decimal.
                    values=np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64),
                    firsts=np.where(is_leaf, 0, firsts),
                    seconds=np.where(is_leaf, 0, seconds),
                )
            )
        return Forest(trees, Cut.BELOW, np.broadcast_to(np.asarray(start, dtype=np.float64), n_genres), width)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitLightGbm:
    """Fits LightGBM.

    Attributes
    ----------
    rounds, quick_rounds : int
        Trees for each genre, in a full and in a quick fit.
    settings : Mapping of str to float or int
        As LightGBM names them.
    """

    rounds: int
    quick_rounds: int
    settings: Mapping[str, float | int] = field(default_factory=dict)

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedTrees:
        """Fit at one thread."""
        import lightgbm  # noqa: PLC0415  # a second to import

        rounds = {Effort.FULL: self.rounds, Effort.QUICK: self.quick_rounds}[task.effort]
        settings = {
            "objective": "multiclass",
            "num_class": len(task.genres),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "seed": seed,
            **self.settings,
        }
        targets = windows.targets(task.genres)
        data = lightgbm.Dataset(windows.inputs, label=targets, weight=windows.weights, params=settings)
        booster = lightgbm.train(
            settings,
            data,
            num_boost_round=rounds,
            callbacks=[lambda told: on_progress((told.iteration + 1) / rounds)],
        )
        return FittedTrees(LightGbm(booster), len(task.genres), windows.inputs.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class FitXgBoost:
    """Fits XGBoost.

    Attributes
    ----------
    rounds, quick_rounds : int
        As in `FitLightGbm`.
    settings : Mapping of str to float or int
        As XGBoost names them.
    """

    rounds: int
    quick_rounds: int
    settings: Mapping[str, float | int] = field(default_factory=dict)

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedTrees:
        """Fit at one thread."""
        import xgboost  # noqa: PLC0415  # a second to import

        rounds = {Effort.FULL: self.rounds, Effort.QUICK: self.quick_rounds}[task.effort]
        settings = {
            "objective": "multi:softprob",
            "num_class": len(task.genres),
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
            **self.settings,
        }
        targets = windows.targets(task.genres)
        data = xgboost.DMatrix(windows.inputs, label=targets, weight=windows.weights, nthread=1)
        booster = xgboost.Booster(settings, [data])
        for done in range(rounds):
            booster.update(data, done)
            on_progress((done + 1) / rounds)
        return FittedTrees(XgBoost(booster), len(task.genres), windows.inputs.shape[1])


def _unfold(root: Mapping[str, Any], *, genre: int) -> Tree:
    """Lay LightGBM's nested nodes out in rows, the root first."""
    rows: list[tuple[int, float, int, int]] = []

    def lay(node: Mapping[str, Any]) -> int:
        place = len(rows)
        if "split_feature" not in node:
            rows.append((LEAF, float(node["leaf_value"]), 0, 0))
            return place
        rows.append((int(node["split_feature"]), float(node["threshold"]), 0, 0))
        first, second = lay(node["left_child"]), lay(node["right_child"])
        rows[place] = (*rows[place][:2], first, second)
        return place

    lay(root)
    columns = list(zip(*rows, strict=True))
    return Tree(
        genre=genre,
        features=np.array(columns[0], dtype=np.int64),
        values=np.array(columns[1]),
        firsts=np.array(columns[2], dtype=np.int64),
        seconds=np.array(columns[3], dtype=np.int64),
    )
