"""Checks means and variances against numpy's in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.cpu.statistics import mean_and_variance, partial_sums


def moments(values: np.ndarray, *, n: int) -> tuple[float, float]:
    features = np.full(4, np.nan)
    mean_and_variance(values, n, partial_sums(), features, 1)
    assert np.isnan(features[[0, 3]]).all()
    return features[1], features[2]


@pytest.mark.parametrize("n", [1, 15, 16, 17, 130])
def test_only_the_first_values_count_whatever_their_number(n: int) -> None:
    values = np.random.default_rng(0).lognormal(0, 3, 144).astype(np.float32)
    exact = values[:n].astype(np.float64)
    assert moments(values, n=n) == pytest.approx((exact.mean(), exact.var()), rel=1e-13)


def test_variance_of_nearly_constant_values_is_not_lost_to_rounding() -> None:
    values = np.full(130, 10_000, dtype=np.float32)
    values[::2] += np.float32(0.125)
    assert moments(values, n=130) == (10_000.0625, 0.0625**2)
