"""Planted correlations are found first, and axes are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tests.training.explore.tables import windows
from training.explore.relations import project, relate, strongest_pairs
from training.windows import LabelledWindows

NAMES = ("a", "b", "c", "d", "e")
TRACKS = [f"jazz.{number // 4}" for number in range(120)]


@pytest.fixture
def table() -> LabelledWindows:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(120, 5))
    values[:, 3] = -2.0 * values[:, 0] + 0.2 * rng.normal(size=120)
    return windows(values, tracks=TRACKS)


def test_the_planted_pair_is_the_strongest_and_stands_together(table: LabelledWindows) -> None:
    relations = relate(table)
    first = strongest_pairs(relations, names=NAMES)[0]
    assert (first.first, first.second) == ("a", "d")
    assert first.correlation < -0.98
    order = relations.order.tolist()
    assert abs(order.index(0) - order.index(3)) == 1
    np.testing.assert_allclose(
        relations.correlations, np.corrcoef(table.inputs.astype(np.float64).T), atol=1e-12
    )


def test_a_constant_column_correlates_with_nothing(table: LabelledWindows) -> None:
    table.inputs[:, 2] = 3.0
    correlations = relate(table).correlations
    assert correlations[2].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert np.isfinite(project(table, logarithms=np.zeros(5, dtype=bool)).places).all()


def test_projection_agrees_with_scikit_learn(table: LabelledWindows) -> None:
    found = project(table, logarithms=np.zeros(5, dtype=bool))
    values = table.inputs.astype(np.float64)
    oracle = PCA(2).fit((values - values.mean(axis=0)) / values.std(axis=0))
    assert found.explained == pytest.approx(oracle.explained_variance_ratio_, rel=1e-9)
    places = oracle.transform((values - values.mean(axis=0)) / values.std(axis=0))
    order = np.unique(table.tracks)
    means = np.stack([places[table.tracks == track].mean(axis=0) for track in order])
    np.testing.assert_allclose(np.abs(found.places), np.abs(means), atol=1e-9)
