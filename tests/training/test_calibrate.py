"""A temperature undoes a known overconfidence, and a threshold holds its target."""

from __future__ import annotations

import numpy as np
import pytest

from modelzoo.aggregate import sharpen
from training.calibrate import choose_threshold, fit_temperatures, outcome
from training.evaluate import Outcome, TrackScores


def honest_tracks(*, n_tracks: int, n_windows: int, overconfidence: float) -> TrackScores:
    """Make tracks whose probabilities would be right if they had not been sharpened."""
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(4), size=n_tracks)
    targets = np.array([rng.choice(4, p=row) for row in honest])
    sharpened = sharpen(honest, 1.0 / overconfidence).astype(np.float32)
    return TrackScores(
        tracks=tuple(f"t.{place}" for place in range(n_tracks)),
        targets=targets,
        windows=tuple(np.repeat(row[None], n_windows, axis=0) for row in sharpened),
    )


@pytest.mark.parametrize("overconfidence", [0.6, 1.0, 2.0])
def test_the_temperature_undoes_a_known_overconfidence(overconfidence: float) -> None:
    buckets = fit_temperatures(honest_tracks(n_tracks=2_000, n_windows=1, overconfidence=overconfidence))
    assert buckets[0].temperature == pytest.approx(overconfidence, rel=0.1)


def test_every_count_of_windows_has_one_bucket_and_only_the_unseen_are_extrapolated() -> None:
    buckets = fit_temperatures(honest_tracks(n_tracks=100, n_windows=10, overconfidence=1.5))
    assert [bucket.min_windows for bucket in buckets] == [1, 2, 4, 7, 11]
    assert [bucket.extrapolated for bucket in buckets] == [False, False, False, False, True]
    assert buckets[4].temperature == buckets[3].temperature


def test_tracks_too_short_for_a_bucket_do_not_break_it() -> None:
    buckets = fit_temperatures(honest_tracks(n_tracks=50, n_windows=3, overconfidence=1.5))
    assert buckets[3].temperature == 1.0


def test_calibration_changes_confidence_and_never_the_label() -> None:
    scores = honest_tracks(n_tracks=200, n_windows=2, overconfidence=2.0)
    plain, cooled = outcome(scores, ()), outcome(scores, fit_temperatures(scores))
    assert np.array_equal(plain.right, cooled.right)
    assert np.array_equal(plain.probabilities.argmax(axis=1), cooled.probabilities.argmax(axis=1))
    assert cooled.confidence.mean() < plain.confidence.mean()


def outcome_of(confidence: list[float], right: list[bool]) -> Outcome:
    top = np.array(confidence)
    return Outcome(np.stack([top, 1.0 - top], axis=1), np.array(right))


def test_the_threshold_is_the_lowest_that_holds_its_target_from_there_on() -> None:
    # At 0.55 the error dips under the target by luck; from 0.75 on it holds.
    found = outcome_of([0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6], [True, True, False, True, True, True, True])
    chosen = choose_threshold(found, target_error=0.2)
    assert chosen.threshold == 0.71
    assert chosen.coverage == pytest.approx(2 / 7)
    assert chosen.error == 0.0


def test_a_model_that_is_always_right_labels_everything() -> None:
    chosen = choose_threshold(outcome_of([0.9, 0.6], [True, True]), target_error=0.0)
    assert (chosen.threshold, chosen.coverage) == (0.0, 1.0)
