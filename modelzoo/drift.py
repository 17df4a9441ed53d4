"""Turns what a model was fitted to, and what it hears now, into how far the two have drifted apart."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FLOOR: Final = 1e-4
"""Smallest share that is told from none: the index is infinite where a bin is empty on one side."""


def stability_index(shares: NDArray[np.float64], *, reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the population stability index of distributions against their references.

    The sum over the bins of (share - reference) * ln(share / reference), which is the symmetric
    Kullback-Leibler divergence. Usual reading: below 0.1 no change to speak of, above 0.25 a great one.
    Of n independent draws from the reference itself it is about (bins - 1) / n.

    Source: Siddiqi, "Credit Risk Scorecards", 2006; Yurdakul, "Statistical properties of population
    stability index", 2018.

    Parameters
    ----------
    shares : ndarray, shape (..., n_bins), float64
        In [0, 1], each row summing to 1.
    reference : ndarray, shape (..., n_bins), float64
        In [0, 1], each row summing to 1.

    Returns
    -------
    ndarray, shape (...), float64
        At least 0. A bin that is empty counts as holding one in ten thousand.
    """
    now, then = np.maximum(shares, _FLOOR), np.maximum(reference, _FLOOR)
    return np.asarray(((now - then) * np.log(now / then)).sum(axis=-1))


def bin_shares(values: NDArray[np.floating], *, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say which share of the values of each column lies in each bin.

    Parameters
    ----------
    values : ndarray, shape (n, n_columns)
        Finite; n at least 1.
    edges : ndarray, shape (n_columns, n_edges), float64
        Of each column's bins, rising; an edge belongs to the bin below it.

    Returns
    -------
    ndarray, shape (n_columns, n_edges + 1), float64
        In [0, 1], each row summing to 1.
    """
    # How many lie above each edge says it all: a bin holds those above its lower edge and not its upper.
    above = (values > edges.T[:, None, :]).mean(axis=1)
    whole, none = np.ones((1, len(edges))), np.zeros((1, len(edges)))
    return np.asarray(-np.diff(np.concatenate([whole, above, none]), axis=0).T)
