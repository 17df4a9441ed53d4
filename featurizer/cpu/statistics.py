"""Turns a feature's values over a window into their mean and variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel

N_PARTIAL = 16
"""Sums that run side by side: the compiler may not reorder one sum, but it can keep 16 in vectors."""


def partial_sums() -> NDArray[np.float64]:
    """Return the scratch of `mean_and_variance`, shape [16], float64."""
    return np.zeros(N_PARTIAL)


@kernel
def mean_and_variance(
    values: NDArray[np.floating],
    n: int,
    partial: NDArray[np.float64],
    features: NDArray[np.float64],
    column: int,
) -> None:
    """Write mean and population variance (divided by `n`, as ``numpy.var`` does), in double precision.

    Parameters
    ----------
    values : numpy.ndarray, shape [at least n], float32 or float64
        The first `n` count, at least 1.
    n : int
        Number of values.
    partial : numpy.ndarray, shape [16], float64
        Scratch.
    features : numpy.ndarray, shape [width], float64
        Gets the mean at `column` and the variance after it.
    column : int
    """
    whole = n - n % N_PARTIAL
    partial[:] = 0.0
    for start in range(0, whole, N_PARTIAL):
        for lane in range(N_PARTIAL):
            partial[lane] += values[start + lane]
    total = 0.0
    for lane in range(N_PARTIAL):
        total += partial[lane]
    for index in range(whole, n):
        total += values[index]
    mean = total / n

    # A second pass: the variance of nearly constant values would drown in the sum of their squares.
    partial[:] = 0.0
    for start in range(0, whole, N_PARTIAL):
        for lane in range(N_PARTIAL):
            deviation = values[start + lane] - mean
            partial[lane] += deviation * deviation
    total = 0.0
    for lane in range(N_PARTIAL):
        total += partial[lane]
    for index in range(whole, n):
        deviation = values[index] - mean
        total += deviation * deviation
    features[column] = mean
    features[column + 1] = total / n
