"""Checks transposition in registers against numpy's, at every width."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from featurizer.cpu.transpose import transpose_scaled_square, transpose_square
from featurizer.cpu.vector_ir import Width


@numba.njit
def transpose(width: Width, source: Any, start: int, target: Any, target_start: int) -> None:
    transpose_square(width, source, start, source.shape[1], target, target_start, target.shape[1])


@numba.njit
def transpose_scaled(width: Width, source: Any, factor: Any, target: Any) -> None:
    transpose_scaled_square(width, source, 0, source.shape[1], factor, target, 0, target.shape[1])


@pytest.mark.parametrize("width", [4, 8, 16])
def test_a_square_is_transposed_and_nothing_else_is_touched(width: int) -> None:
    source = np.arange(20 * 40, dtype=np.float32).reshape(20, 40)
    target = np.full((20, 24), -1, dtype=np.float32)
    transpose((0,) * width, source, 2 * 40 + 5, target, 24 + 3)
    expected = np.full((20, 24), -1, dtype=np.float32)
    expected[1 : 1 + width, 3 : 3 + width] = source[2 : 2 + width, 5 : 5 + width].T
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("width", [4, 8, 16])
def test_a_square_can_be_scaled_on_the_way(width: int) -> None:
    source = np.random.default_rng(0).standard_normal((width, width)).astype(np.float32)
    target = np.zeros((width, width), dtype=np.float32)
    transpose_scaled((0,) * width, source, np.float32(0.25), target)
    np.testing.assert_array_equal(target, source.T / 4)
