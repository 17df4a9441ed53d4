"""Turns a fitted model and windows into how much it leans on each feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.models.kind import FittedModel
from training.models.tabular.boosting import FittedTrees
from training.report.figures import Importance
from training.windows import LabelledWindows

SHAP_WINDOWS = 500
"""Windows whose SHAP values are averaged: enough for two digits of a mean, in seconds."""


def measure_importance(
    model: FittedModel,
    *,
    windows: LabelledWindows,
    genres: Sequence[str],
    feature_names: Sequence[str],
    n_repeats: int,
    seed: int,
    on_progress: Callable[[float], None] = lambda _: None,
) -> tuple[Importance, ...]:
    """Shuffle one column at a time and see what it costs; for trees, average their SHAP values too.

    A column is shuffled between tracks: every window gets the value of some window of one other track, since
    windows of one track are so alike that a shuffle within it would leave the column as it was.

    Parameters
    ----------
    model : FittedModel
        Scores windows.
    windows : LabelledWindows
        Of artists that the model has not heard, rows of shape (width,).
    genres : sequence of str
        The model's outputs.
    feature_names : sequence of str
        Names of the columns; empty where they have none, then they are numbered.
    n_repeats : int
        Shuffles of each column, averaged.
    seed : int
        Seeds the shuffles: the same for every column.
    on_progress : callable, optional
        Called with the share that is done.

    Returns
    -------
    tuple of Importance
        The column that costs most first.
    """
    width = windows.inputs.shape[1]
    names = list(feature_names) or [f"column {place}" for place in range(width)]
    targets = windows.targets(genres)
    whole = _accuracy(model, windows.inputs, targets)
    rng = np.random.default_rng(seed)
    shuffles = [_between_tracks(windows.tracks, rng=rng) for _ in range(n_repeats)]
    shap = _mean_shap(model, windows.inputs)
    found: list[Importance] = []
    for column, name in enumerate(names):
        shuffled = windows.inputs.copy()
        falls = []
        for order in shuffles:
            shuffled[:, column] = windows.inputs[order, column]
            falls.append(whole - _accuracy(model, shuffled, targets))
        found.append(
            Importance(
                feature=name,
                permutation=float(np.mean(falls)),
                shap=None if shap is None else float(shap[column]),
            )
        )
        on_progress((column + 1) / width)
    return tuple(sorted(found, key=lambda one: -one.permutation))


def _accuracy(model: FittedModel, inputs: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    return float(np.mean(model(inputs).argmax(axis=1) == targets))


def _between_tracks(tracks: NDArray[np.str_], *, rng: np.random.Generator) -> NDArray[np.intp]:
    """Give each window one of another track's: tracks are laid in a drawn ring, each takes from the next."""
    names, place = np.unique(tracks, return_inverse=True)
    rows = [np.flatnonzero(place == index) for index in range(len(names))]
    ring = rng.permutation(len(names))
    order = np.zeros(len(tracks), dtype=np.intp)
    for taker, giver in zip(ring, np.roll(ring, 1), strict=True):
        given = rng.permutation(rows[giver])
        order[rows[taker]] = np.resize(given, len(rows[taker]))
    return order


def _mean_shap(model: FittedModel, inputs: NDArray[np.float32]) -> NDArray[np.float64] | None:
    if not isinstance(model, FittedTrees):
        return None
    step = max(1, len(inputs) // SHAP_WINDOWS)
    return np.asarray(np.abs(model.contributions(inputs[::step])).mean(axis=(0, 1)))
