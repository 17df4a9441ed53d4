from __future__ import annotations

import pytest

from consumer.bench.spread import median_ratio, percentile, slope, spread


def test_a_spread_tells_median_95th_percentile_and_number() -> None:
    assert spread([float(value) for value in range(101)]) == {"median": 50.0, "p95": 95.0, "n": 101}
    assert percentile([3.0], 99) == 3.0


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_their_sums() -> None:
    # In the last round the machine was ten times slower for both.
    assert median_ratio([20.0, 22.0, 210.0], [1.0, 1.0, 10.0]) == pytest.approx(21.0)
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([1.0, 2.0], [1.0])


def test_a_slope_is_that_of_the_best_line_and_zero_where_there_is_none() -> None:
    assert slope([0, 10, 20, 30], [5.0, 25.0, 45.0, 65.0]) == pytest.approx(2.0)
    assert slope([7, 7], [1.0, 9.0]) == 0.0
    assert slope([], []) == 0.0
