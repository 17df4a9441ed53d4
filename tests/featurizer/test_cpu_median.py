"""Checks sliding medians in machine code against numpy's."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from featurizer.cpu.median import median_tile
from featurizer.cpu.vector_ir import Width
from tests.featurizer.cpu_windows import WIDTH


@numba.njit
def medians(width: Width, source: Any, target: Any) -> None:
    median_tile(width, source, 0, source.shape[1], target, 0, target.shape[1])


def run(values: np.ndarray, *, width: int) -> np.ndarray:
    target = np.zeros((16, width), dtype=np.float32)
    medians((0,) * width, values, target)
    return target


def expected(values: np.ndarray) -> np.ndarray:
    return np.stack([np.median(values[row : row + 31], axis=0) for row in range(16)])


@pytest.mark.parametrize("n_values", [3, 1_000_000])
def test_medians_are_numpys_with_and_without_ties(n_values: int) -> None:
    rng = np.random.default_rng(n_values)
    for _ in range(20):
        values = rng.integers(0, n_values, (46, len(WIDTH))).astype(np.float32)
        np.testing.assert_array_equal(run(values, width=len(WIDTH)), expected(values))


@pytest.mark.slow
@pytest.mark.parametrize("width", [4, 8, 16])
def test_medians_are_the_same_at_every_width(width: int) -> None:
    values = np.random.default_rng(width).random((46, width), dtype=np.float32)
    np.testing.assert_array_equal(run(values, width=width), expected(values))
