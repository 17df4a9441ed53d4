"""The one column that tells genres apart is found, by shuffling and by SHAP values."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.models.tabular.tables import GENRES, NAMES
from tests.training.models.test_pooling import fit
from training.importance import measure_importance
from training.models.tabular.boosting import FittedTrees
from training.windows import LabelledWindows

TOLD = 3


@pytest.fixture(scope="module")
def windows() -> LabelledWindows:
    rng = np.random.default_rng(0)
    tracks = np.repeat([f"t{place:03d}" for place in range(60)], 6)
    genres = np.repeat(np.tile(GENRES, 20), 6)
    rows = rng.lognormal(size=(360, len(NAMES)))
    rows[:, TOLD] = np.repeat(np.tile([1.0, 2.0, 3.0], 20), 6) + rng.normal(scale=0.1, size=360)
    return LabelledWindows(rows.astype(np.float32), genres, tracks, np.ones(360, dtype=np.float32))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "lda"])
def test_the_one_column_that_matters_comes_first(name: str, windows: LabelledWindows) -> None:
    model = fit(name, windows)
    found = measure_importance(
        model, windows=windows, genres=GENRES, feature_names=NAMES, n_repeats=3, seed=0
    )
    assert [found[0].feature, len(found)] == [NAMES[TOLD], len(NAMES)]
    # A drawn track is of the same genre in one case of three.
    assert found[0].permutation == pytest.approx(2 / 3, abs=0.15)
    assert all(abs(one.permutation) < 0.05 for one in found[1:])
    if name == "lda":
        assert all(one.shap is None for one in found)
    else:
        shap = [one.shap or 0.0 for one in found]
        assert shap[0] > 5 * max(shap[1:])


def test_shap_values_of_trees_add_up_to_their_scores(windows: LabelledWindows) -> None:
    for name in ("lightgbm", "xgboost"):
        model = fit(name, windows)
        assert isinstance(model, FittedTrees)
        parts, scores = model.contributions(windows.inputs), model.library.scores(windows.inputs)
        assert parts.shape == (len(windows), len(GENRES), len(NAMES))
        # What is left is the mean score, the same for every window.
        np.testing.assert_allclose(np.ptp(scores - parts.sum(axis=2), axis=0), 0.0, atol=1e-4)


def test_the_same_seed_gives_the_same_importance(windows: LabelledWindows) -> None:
    model = fit("lda", windows)
    once, again = (
        measure_importance(model, windows=windows, genres=GENRES, feature_names=(), n_repeats=2, seed=5)
        for _ in range(2)
    )
    assert once == again
    assert {one.feature for one in once} == {f"column {place}" for place in range(len(NAMES))}
