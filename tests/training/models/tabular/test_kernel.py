"""The duels that are taken out of libsvm are the ones that scikit-learn decides."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from tests.training.models.tabular.tables import GENRES, make_windows
from training.models.kind import Effort, Task
from training.models.tabular.kernel import FitSvm


def ignore(share: float) -> None:
    """Hear of progress."""


@pytest.mark.parametrize("genres", [GENRES, GENRES[:2]])
def test_margins_are_scikit_learns(genres: tuple[str, ...]) -> None:
    windows = make_windows()
    windows = windows.rows(np.isin(windows.genres, genres))
    model = FitSvm(penalty=3.0, gamma=1.0)(windows, task=Task(genres=genres), seed=0, on_progress=ignore)
    oracle = SVC(C=3.0, gamma=1.0 / windows.inputs.shape[1], tol=1e-2, decision_function_shape="ovo")
    scaled = model.scaling(windows.inputs)
    expected = oracle.fit(scaled, windows.targets(genres)).decision_function(scaled)
    if len(genres) == 2:  # Two genres have one column, positive for the second
        expected = -expected[:, None]
    np.testing.assert_allclose(model.margins(windows.inputs), expected, atol=1e-9)


def test_a_genre_that_wins_every_duel_is_first() -> None:
    windows = make_windows()
    model = FitSvm(penalty=3.0, gamma=1.0)(windows, task=Task(genres=GENRES), seed=0, on_progress=ignore)
    margins, probabilities = model.margins(windows.inputs), model(windows.inputs)
    # The pairs are (0, 1), (0, 2), (1, 2).
    wins = np.stack(
        [
            (margins[:, 0] > 0) & (margins[:, 1] > 0),
            (margins[:, 0] < 0) & (margins[:, 2] > 0),
            (margins[:, 1] < 0) & (margins[:, 2] < 0),
        ]
    )
    for genre in range(len(GENRES)):
        assert wins[genre].any()
        assert (probabilities[wins[genre]].argmax(axis=1) == genre).all()


def test_a_quick_fit_of_many_rows_takes_some_of_every_genre() -> None:
    windows = make_windows(n_tracks=250)
    task = Task(genres=GENRES, effort=Effort.QUICK)
    quick = FitSvm(penalty=3.0, gamma=1.0)(windows, task=task, seed=0, on_progress=ignore)
    assert (quick(windows.inputs).argmax(axis=1) == windows.targets(GENRES)).mean() > 0.8
