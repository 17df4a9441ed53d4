"""Turns a table's columns into how they hang together: correlations, a clustered order, principal axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from training.explore.findings import CorrelatedPair
from training.windows import LabelledWindows

MOST_PAIRS: Final = 20


@dataclass(frozen=True, slots=True)
class Relations:
    """How columns hang together.

    Attributes
    ----------
    correlations : ndarray, shape (n_features, n_features), float64
        Pearson's, in [-1, 1]; 0 beside a constant column, 1 on the diagonal.
    order : ndarray, shape (n_features,), int
        Places of the columns so that those which say the same stand together.
    """

    correlations: NDArray[np.float64]
    order: NDArray[np.intp]


def relate(table: LabelledWindows) -> Relations:
    """Correlate all columns with all, and order them by average linkage of 1 - |r|."""
    values = table.inputs.astype(np.float64)
    away = values - values.mean(axis=0)
    lengths = np.sqrt((away**2).sum(axis=0))
    unit = np.divide(away, lengths, out=np.zeros_like(away), where=lengths > 0.0)
    correlations = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(correlations, 1.0)
    if len(correlations) < 3:
        return Relations(correlations, np.arange(len(correlations)))
    distances = 1.0 - np.abs(correlations)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return Relations(correlations, np.asarray(leaves_list(tree), dtype=np.intp))


def strongest_pairs(relations: Relations, *, names: Sequence[str]) -> tuple[CorrelatedPair, ...]:
    """Give the pairs of columns that say most nearly the same, strongest first."""
    rows, columns = np.triu_indices(len(names), k=1)
    found = relations.correlations[rows, columns]
    strongest = np.argsort(-np.abs(found), kind="stable")[:MOST_PAIRS]
    return tuple(
        CorrelatedPair(
            first=names[rows[place]], second=names[columns[place]], correlation=float(found[place])
        )
        for place in strongest
    )


@dataclass(frozen=True, slots=True)
class Projection:
    """Tracks on the two axes along which windows differ most.

    Attributes
    ----------
    places : ndarray, shape (n_tracks, 2), float64
        Means of each track's windows, in standard deviations.
    genres : ndarray, shape (n_tracks,), str
        Their labels.
    explained : tuple of float
        Shares of the variance along the axes.
    """

    places: NDArray[np.float64]
    genres: NDArray[np.str_]
    explained: tuple[float, float]


def project(table: LabelledWindows, *, logarithms: NDArray[np.bool_]) -> Projection:
    """Project standardised windows on their first two principal axes, then average each track's.

    Parameters
    ----------
    table : LabelledWindows
        At least two columns.
    logarithms : ndarray, shape (n_features,), bool
        Columns of positive values that are taken by their logarithm first.
    """
    values = table.inputs.astype(np.float64)
    values[:, logarithms] = np.log(values[:, logarithms])
    scale = values.std(axis=0)
    unit = np.divide(values - values.mean(axis=0), scale, out=np.zeros_like(values), where=scale > 0.0)
    variances, axes = np.linalg.eigh(unit.T @ unit / len(unit))
    # An axis and its opposite are the same: the largest part of each is made positive, for the same picture.
    chosen = axes[:, [-1, -2]]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), [0, 1]])
    _, first, place = np.unique(table.tracks, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), 2))
    np.add.at(sums, place, unit @ chosen)
    total = max(float(variances.sum()), np.finfo(np.float64).tiny)
    shares = np.clip(variances[[-1, -2]] / total, 0.0, 1.0)
    return Projection(
        places=sums / np.bincount(place)[:, None],
        genres=table.genres[first],
        explained=(float(shares[0]), float(shares[1])),
    )
