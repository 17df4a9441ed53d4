"""Turns boosted trees of any library into one ONNX graph that cuts where they cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.models.tabular.graph import INPUT, TREES_DOMAIN, Part, softmax_part, write_graph

LEAF = -1
"""In place of a feature: the node is a leaf."""


class Cut(StrEnum):
    """When a row takes a node's first branch, by ONNX's names."""

    AT_MOST = "BRANCH_LEQ"
    BELOW = "BRANCH_LT"


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree, node 0 its root.

    Attributes
    ----------
    genre : int
        Whose score it adds to.
    features : ndarray, shape (n_nodes,), int64
        Column that each node looks at; `LEAF` where it is a leaf.
    values : ndarray, shape (n_nodes,), float64
        Threshold of each node, score of each leaf.
    firsts, seconds : ndarray, shape (n_nodes,), int64
        Where a row goes that is cut off, and that is not; 0 at leaves.
    """

    genre: int
    features: NDArray[np.int64]
    values: NDArray[np.float64]
    firsts: NDArray[np.int64]
    seconds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees whose leaves add up to one score a genre; a softmax makes them probabilities.

    Attributes
    ----------
    trees : sequence of Tree
        In the order of boosting.
    cut : Cut
        How they compare.
    start : ndarray, shape (n_genres,), float64
        Scores before the first tree.
    width : int
        Columns of the input.
    """

    trees: Sequence[Tree]
    cut: Cut
    start: NDArray[np.float64]
    width: int

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose: two for each cut (column, threshold), one for each leaf."""
        return sum(len(tree.features) + int((tree.features != LEAF).sum()) for tree in self.trees)

    def onnx_bytes(self) -> bytes:
        """Write the trees as one graph."""
        sizes = [len(tree.features) for tree in self.trees]
        ids = np.repeat(np.arange(len(sizes)), sizes)
        nodes = np.concatenate([np.arange(size) for size in sizes])
        features = np.concatenate([tree.features for tree in self.trees])
        values = np.concatenate([tree.values for tree in self.trees])
        is_leaf = features == LEAF
        genres = np.repeat([tree.genre for tree in self.trees], sizes)
        regressor = helper.make_node(
            "TreeEnsembleRegressor",
            [INPUT],
            ["sums"],
            domain=TREES_DOMAIN,
            n_targets=len(self.start),
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=ids.tolist(),
            nodes_nodeids=nodes.tolist(),
            nodes_featureids=np.where(is_leaf, 0, features).tolist(),
            nodes_modes=["LEAF" if leaf else str(self.cut) for leaf in is_leaf.tolist()],
            nodes_values=np.where(is_leaf, 0.0, self._in_float32(values)).tolist(),
            nodes_truenodeids=np.concatenate([tree.firsts for tree in self.trees]).tolist(),
            nodes_falsenodeids=np.concatenate([tree.seconds for tree in self.trees]).tolist(),
            nodes_missing_value_tracks_true=np.zeros(len(ids), dtype=int).tolist(),
            nodes_hitrates=np.ones(len(ids)).tolist(),
            target_treeids=ids[is_leaf].tolist(),
            target_nodeids=nodes[is_leaf].tolist(),
            target_ids=genres[is_leaf].tolist(),
            target_weights=values[is_leaf].tolist(),
        )
        sums = [
            regressor,
            helper.make_node("Cast", ["sums"], ["exact"], to=TensorProto.DOUBLE),
            helper.make_node("Add", ["exact", "start"], ["scores"]),
        ]
        parts = [Part(sums, {"start": self.start}), softmax_part("scores")]
        return write_graph(parts, input_shape=("n", self.width), output_shape=("n", len(self.start)))

    def _in_float32(self, thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
        """Round thresholds so that every float32 value falls on the side that it falls on in float64.

        `x <= t` holds for a float32 x exactly when x is at most the greatest float32 not above t.
        """
        near = thresholds.astype(np.float32)
        if self.cut is Cut.AT_MOST:
            down = np.nextafter(near, np.float32(-np.inf))
            return np.where(near.astype(np.float64) > thresholds, down, near)
        up = np.nextafter(near, np.float32(np.inf))
        return np.where(near.astype(np.float64) < thresholds, up, near)
