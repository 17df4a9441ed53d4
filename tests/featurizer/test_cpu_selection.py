"""Checks the median of a few or many numbers against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.cpu.selection import median_of

RNG = np.random.default_rng(0)


def median(values: NDArray[np.float32]) -> float:
    """The median of all values but the last, which must not count."""
    kept = values.copy()
    found = float(median_of(values, len(values) - 1, np.empty_like(values)))
    np.testing.assert_array_equal(values, kept)
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 100, 1_001])
def test_the_median_of_random_numbers_is_numpys(n: int) -> None:
    for _ in range(20):
        values = RNG.normal(size=n + 1).astype(np.float32)
        assert median(values) == np.median(values[:-1])


@pytest.mark.parametrize("n", [2, 9, 64, 500])
def test_the_median_of_numbers_with_many_equals_is_numpys(n: int) -> None:
    for n_kinds in (1, 2, 3):
        values = RNG.integers(0, n_kinds, n + 1).astype(np.float32)
        assert median(values) == np.median(values[:-1])


@pytest.mark.parametrize("order", [1, -1])
def test_the_median_of_ordered_numbers_is_numpys(order: int) -> None:
    values = np.arange(1_000, dtype=np.float32)[::order].copy()
    assert median(values) == np.median(values[:-1])
