"""Checks sums of products at neighbouring lags against numpy's correlation, at every width."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.cpu.correlation import N_ROWS, TILE_VECTORS, correlate_one, correlate_rows
from featurizer.cpu.vector_ir import Width

Array = NDArray[np.float64]
N_PLACES = 37
START, PLACE, LANE = 60, 5, 3
PITCH = 128


@numba.njit
def run_one(width: Width, values: Any, factors: Any, sums: Any) -> None:
    correlate_one(width, values, START, PITCH, factors, PLACE, N_PLACES, sums, LANE)


@numba.njit
def run_rows(width: Width, values: Any, factors: Any, sums: Any) -> None:
    correlate_rows(width, values, START, PITCH, factors, PLACE, N_PLACES, sums, LANE)


def products(values: Array, factors: Array, *, n_lags: int) -> Array:
    """Correlate one row by numpy."""
    heard = values[START - N_PLACES + 1 : START + n_lags]
    return np.convolve(heard, factors[PLACE : PLACE + N_PLACES], mode="valid")


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_each_lag_has_the_sum_of_its_products_over_all_rows(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    values, factors = rng.normal(size=(N_ROWS, PITCH)), rng.normal(size=(N_ROWS, PITCH))
    n_lags = TILE_VECTORS * lanes
    rows = [products(values[row], factors[row], n_lags=n_lags) for row in range(N_ROWS)]
    one, all_rows = np.full((2, LANE + n_lags + 1), np.nan)
    run_one((0,) * lanes, values, factors, one)
    run_rows((0,) * lanes, values, factors, all_rows)
    for sums, expected in ((one, rows[0]), (all_rows, np.sum(rows, axis=0))):
        np.testing.assert_allclose(sums[LANE:-1], expected, rtol=0, atol=1e-12)
        assert np.isnan(sums[[0, LANE - 1, -1]]).all()
