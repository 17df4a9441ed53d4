"""Turns values into their median without ordering them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel


@kernel
def median_of(values: NDArray[np.float32], n: int, work: NDArray[np.float32]) -> float:
    """Give the median of the first values, rounded as ``numpy.median`` rounds the mean of the middle two.

    Parameters
    ----------
    values : numpy.ndarray, shape [at least n], float32, finite
    n : int
        How many count, at least 1.
    work : numpy.ndarray, shape [at least n], float32
        Memory of its own; holds the values in another order afterwards.

    Returns
    -------
    float
        A float32 number.
    """
    for index in range(n):
        work[index] = values[index]
    upper = _select(work, n, n // 2)
    if n % 2:
        return float(upper)
    lower = work[0]
    for index in range(n // 2):
        lower = max(lower, work[index])
    return float((np.float32(lower) + np.float32(upper)) / np.float32(2))


@kernel
def _select(values: NDArray[np.float32], n: int, rank: int) -> float:
    """Partition in place (Hoare's quickselect): what comes before `rank` is not greater than it."""
    left, right = 0, n - 1
    while left < right:
        pivot = values[rank]
        low, high = left, right
        while low <= high:
            while values[low] < pivot:
                low += 1
            while pivot < values[high]:
                high -= 1
            if low <= high:
                values[low], values[high] = values[high], values[low]
                low += 1
                high -= 1
        if high < rank:
            left = low
        if rank < low:
            right = high
    return float(values[rank])
