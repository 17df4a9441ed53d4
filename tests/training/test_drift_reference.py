"""References of drift count what they say they count, and a model has none against itself."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from modelzoo.drift import bin_shares, stability_index
from modelzoo.manifest import Abstention
from training.drift_reference import (
    confidence_reference,
    drift_shares,
    feature_quantiles,
    label_reference,
)
from training.evaluate import Outcome
from training.windows import LabelledWindows

TEMPO = GTZAN57.feature_names.index("tempo")


@pytest.fixture
def table() -> LabelledWindows:
    """Windows whose tempo takes three values, as a real one takes few."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(3_000, GTZAN57.width)).astype(np.float32)
    features[:, TEMPO] = rng.choice([99.4, 123.0, 143.6], size=3_000, p=[0.2, 0.5, 0.3])
    names = np.array(["track"] * 3_000)
    return LabelledWindows(features, names, names, np.ones(3_000, dtype=np.float32))


def test_the_windows_that_a_model_was_fitted_to_do_not_drift_from_it(table: LabelledWindows) -> None:
    quantiles = feature_quantiles(table, spec=GTZAN57)
    shares = drift_shares(table, spec=GTZAN57, quantiles=quantiles)
    edges = np.array([quantiles[name] for name in GTZAN57.feature_names])
    reference = np.array([shares[name] for name in GTZAN57.feature_names])
    own = stability_index(bin_shares(table.inputs, edges=edges), reference=reference)
    assert own.max() < 1e-4  # the shares are rounded
    # Tenths, which is what quantiles promise, would call the tempo of its own music a great drift.
    tenths = np.array([0.05, *[0.1] * 9, 0.05])
    assert stability_index(reference[TEMPO], reference=tenths) > 0.25
    assert reference[TEMPO].sum() == pytest.approx(1.0, abs=1e-4)


def test_labels_are_counted_with_those_that_were_not_given() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    held_out = Outcome(probabilities, np.array([True, True, False, False]))
    abstain = Abstention(threshold=0.5, target_error=0.3, coverage=0.75, error=0.3)
    reference = label_reference(held_out, genres=("blues", "jazz", "rock"), abstain=abstain)
    assert reference.shares == {"blues": 0.5, "jazz": 0.25, "rock": 0.0}
    assert reference.abstained == 0.25
    assert reference.n_tracks == 4


def test_confidence_is_counted_in_tenths_of_the_tracks() -> None:
    top = np.linspace(0.4, 0.99, 200)
    held_out = Outcome(np.stack([top, 1.0 - top], axis=1)[:, ::-1], np.ones(200, dtype=bool))
    reference = confidence_reference(held_out)
    confidence = held_out.confidence
    for edge, below in zip(reference.edges, np.cumsum(reference.shares), strict=False):
        assert np.mean(confidence <= edge) == pytest.approx(below, abs=1e-4)
    assert np.allclose(reference.shares, 0.1, atol=0.01)
