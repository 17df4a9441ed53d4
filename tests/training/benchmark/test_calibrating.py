"""A temperature that is fitted elsewhere makes confidence believable, and its figures add up."""

from __future__ import annotations

import numpy as np
import pytest

from modelzoo.aggregate import sharpen
from training.benchmark.calibrating import calibrate, fit_temperature, log_loss, pooled
from training.evaluate import TrackScores, brier_score

N_GENRES = 4


def make_scores(*, seed: int, n: int = 2_000, sharper: float = 3.0) -> TrackScores:
    """Draw true genres from honest probabilities, and show those `sharper` times too sure of themselves."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(N_GENRES, 0.7), size=n) * 0.98 + 0.005
    targets = np.array([rng.choice(N_GENRES, p=row) for row in honest])
    shown = sharpen(honest, 1.0 / sharper).astype(np.float32)
    return TrackScores(
        tuple(f"t{number:05d}" for number in range(n)), targets, tuple(row[None, :] for row in shown)
    )


def test_the_temperature_is_the_one_that_was_taken_away() -> None:
    temperature = fit_temperature(*pooled([make_scores(seed=0), make_scores(seed=1)]))
    assert temperature == pytest.approx(3.0, rel=0.06)


def test_calibration_lowers_every_figure_on_tracks_that_did_not_choose_it() -> None:
    found = calibrate([make_scores(seed=2)], validation=[make_scores(seed=0)])
    assert found.ece < 0.04
    assert found.ece_uncalibrated > 0.1
    assert found.brier < found.brier_uncalibrated
    assert found.temperature == pytest.approx(3.0, rel=0.08)


def test_bins_hold_every_track_and_the_curve_begins_with_all_of_them() -> None:
    scores = [make_scores(seed=2, n=100), make_scores(seed=3, n=100)]
    found = calibrate(scores, validation=[make_scores(seed=0)])
    assert sum(each.n for each in found.reliability) == 200
    rising = [each.confidence for each in found.reliability]
    assert rising == sorted(rising)
    accuracy = np.mean([score.track_accuracy for score in scores])
    assert found.risk_coverage[0].coverage == 1.0
    assert found.risk_coverage[0].error == pytest.approx(1.0 - accuracy, abs=1e-9)
    covered = [point.coverage for point in found.risk_coverage]
    assert covered == sorted(covered, reverse=True)
    assert covered[-1] > 0.0


def test_without_a_change_of_temperature_the_figures_are_the_plain_ones() -> None:
    scores = make_scores(seed=2, sharper=1.0)
    found = calibrate([scores], validation=[make_scores(seed=0, n=8_000, sharper=1.0)])
    assert found.temperature == pytest.approx(1.0, abs=0.03)
    assert found.brier_uncalibrated == pytest.approx(brier_score(scores.pooled, scores.targets))


def test_a_model_that_says_zero_of_the_truth_has_a_finite_loss() -> None:
    sure = np.eye(N_GENRES)
    wrong = (np.arange(N_GENRES) + 1) % N_GENRES
    assert log_loss(sure, wrong) == pytest.approx(-np.log(1e-6))
    assert log_loss(sure, np.arange(N_GENRES)) == 0.0
