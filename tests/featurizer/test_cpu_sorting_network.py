"""Checks sorting networks on all lists of zeros and ones: what sorts these sorts everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from featurizer.cpu.sorting_network import Exchange, merging_network, sorting_network


def run(network: list[Exchange], lists: np.ndarray) -> np.ndarray:
    """Apply exchanges to the columns of lists [n_lists, n]."""
    result = lists.copy()
    for low, high in network:
        pair = result[:, [low, high]]
        result[:, low], result[:, high] = pair.min(axis=1), pair.max(axis=1)
    return result


def test_sixteen_places_are_sorted_by_63_exchanges() -> None:
    lists = np.array(list(itertools.product((0, 1), repeat=16)), dtype=np.int8)
    assert len(sorting_network(16)) == 63
    np.testing.assert_array_equal(run(sorting_network(16), lists), np.sort(lists, axis=1))


@pytest.mark.parametrize(("n", "n_exchanges"), [(32, 65), (64, 161)])
def test_two_sorted_halves_are_merged(n: int, n_exchanges: int) -> None:
    half = np.tril(np.ones((n // 2 + 1, n // 2), dtype=np.int8), -1)[:, ::-1]
    lists = np.array([np.concatenate(pair) for pair in itertools.product(half, half)])
    assert len(merging_network(n)) == n_exchanges
    np.testing.assert_array_equal(run(merging_network(n), lists), np.sort(lists, axis=1))
