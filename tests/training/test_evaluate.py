"""Figures on a report are those that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate import (
    Outcome,
    TrackScores,
    brier_score,
    confusion,
    expected_calibration_error,
    join_scores,
    measure,
    risk_at,
    score_tracks,
)
from training.windows import LabelledWindows

GENRES = ("blues", "jazz")


def outcome_of(confidence: list[float], right: list[bool]) -> Outcome:
    top = np.array(confidence)
    return Outcome(np.stack([top, 1.0 - top], axis=1), np.array(right))


@pytest.fixture
def scores() -> TrackScores:
    table = LabelledWindows(
        inputs=np.zeros((5, 1), dtype=np.float32),
        genres=np.array(["jazz", "jazz", "blues", "blues", "blues"]),
        tracks=np.array(["j.1", "j.1", "b.1", "b.1", "b.1"]),
        weights=np.ones(5, dtype=np.float32),
    )
    jazz = np.array([0.9, 0.2, 0.4, 0.4, 0.6], dtype=np.float32)
    return score_tracks(table, probabilities=np.stack([1 - jazz, jazz], axis=1), genres=GENRES)


def test_windows_are_gathered_by_track(scores: TrackScores) -> None:
    assert scores.tracks == ("b.1", "j.1")
    assert scores.targets.tolist() == [0, 1]
    assert [len(rows) for rows in scores.windows] == [3, 2]
    assert scores.n_windows == 5
    np.testing.assert_allclose(scores.windows[1][:, 1], [0.9, 0.2])


def test_a_window_may_be_wrong_where_its_track_is_right(scores: TrackScores) -> None:
    assert scores.window_accuracy == pytest.approx(3 / 5)
    assert scores.track_accuracy == 1.0
    np.testing.assert_allclose(scores.pooled[1], [0.45, 0.55], atol=1e-6)


def test_joined_scores_hold_all_tracks(scores: TrackScores) -> None:
    both = join_scores([scores, scores])
    assert len(both.tracks) == 4
    assert both.track_accuracy == scores.track_accuracy


def test_the_spread_over_seeds_is_the_sample_deviation() -> None:
    measured = measure([0.5, 0.6, 0.7], n=290)
    assert (measured.mean, measured.spread) == pytest.approx((0.6, 0.1))
    assert (measured.n, measured.seeds) == (290, 3)
    assert measure([0.5], n=1).spread == 0.0


def test_confusion_counts_true_genres_in_rows() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), n_genres=2)
    assert counts.tolist() == [[1, 1], [0, 1]]


def test_calibration_error_weighs_each_bins_gap_by_its_size() -> None:
    # The last bin holds 0.95, 0.95 and 1.0, two of them right; the bin at 0.55 holds two, both right.
    found = outcome_of([0.95, 0.95, 0.55, 0.55, 1.0], [True, False, True, True, True])
    assert expected_calibration_error(found) == pytest.approx((abs(2.9 - 2) + abs(1.1 - 2)) / 5)


def test_a_perfect_forecast_has_no_brier_score_and_a_sure_wrong_one_two() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    assert brier_score(probabilities[:1], np.array([0])) == 0.0
    assert brier_score(probabilities[1:2], np.array([1])) == 2.0
    assert brier_score(probabilities, np.array([0, 1, 1])) == pytest.approx((0.0 + 2.0 + 0.5) / 3)


def test_a_higher_threshold_labels_less() -> None:
    found = outcome_of([0.9, 0.8, 0.7, 0.6], [True, True, False, False])
    assert (risk_at(0.0, found).coverage, risk_at(0.0, found).error) == (1.0, 0.5)
    assert (risk_at(0.8, found).coverage, risk_at(0.8, found).error) == (0.5, 0.0)
    assert (risk_at(0.95, found).coverage, risk_at(0.95, found).error) == (0.0, 0.0)
