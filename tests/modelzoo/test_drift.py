"""The stability index is what its definition says, and the committed references are what they claim to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelzoo.drift import bin_shares, stability_index
from modelzoo.registry import DEFAULT_MODEL, Registry


def test_the_index_is_the_sum_of_its_definition() -> None:
    now, then = [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]
    expected = sum((a - b) * math.log(a / b) for a, b in zip(now, then, strict=True))
    assert stability_index(np.array(now), reference=np.array(then)) == pytest.approx(expected, abs=1e-12)
    assert stability_index(np.array(then), reference=np.array(then)) == 0.0


def test_an_empty_bin_gives_a_finite_index() -> None:
    index = stability_index(np.array([[1.0, 0.0]]), reference=np.array([[0.5, 0.5]]))
    assert index.shape == (1,)
    assert 1.0 < index[0] < 10.0


def test_an_index_by_chance_alone_is_about_bins_over_draws() -> None:
    rng = np.random.default_rng(3)
    reference = np.full(10, 0.1)
    draws = rng.multinomial(500, reference, size=400) / 500
    # Its mean is 9 / 500 to first order; 400 draws know it to about 5%.
    assert stability_index(draws, reference=reference).mean() == pytest.approx(9 / 500, rel=0.2)


def test_values_are_counted_in_their_bins_and_an_edge_belongs_below() -> None:
    values = np.array([[0.0, 5.0], [1.0, 6.0], [1.5, 7.0], [9.0, 8.0]])
    edges = np.array([[1.0, 2.0], [5.0, 7.5]])
    np.testing.assert_array_equal(bin_shares(values, edges=edges), [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])


def test_bins_agree_with_numpys_for_many_columns() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, 5)).astype(np.float32)
    edges = np.sort(rng.normal(size=(5, 10)), axis=1)
    for column, row in enumerate(bin_shares(values, edges=edges)):
        places = np.searchsorted(edges[column], values[:, column].astype(np.float64), side="left")
        np.testing.assert_allclose(row, np.bincount(places, minlength=11) / 300, atol=1e-15)


def test_the_default_models_references_fit_its_quantiles() -> None:
    manifest = Registry().load(DEFAULT_MODEL).manifest
    tenths = np.array([0.05, *[0.1] * 9, 0.05])
    off = {name: np.abs(np.array(shares) - tenths).max() for name, shares in manifest.drift_shares.items()}
    # Quantiles have tenths between them, but the tempo's, which has few values.
    assert off.pop("tempo") > 0.1
    assert max(off.values()) < 0.001
    assert manifest.label_reference is not None
    assert manifest.label_reference.abstained == pytest.approx(1.0 - manifest.abstain.coverage, abs=1e-5)
    assert manifest.confidence_reference is not None
    assert np.allclose(manifest.confidence_reference.shares, 0.1, atol=0.002)
