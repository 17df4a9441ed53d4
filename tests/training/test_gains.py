"""What one way gives over another is measured on the same tracks, seeds and all."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate import TrackScores
from training.gains import Votes, ensemble, gain, geometric_votes, votes


def scores(*windows: list[list[float]], targets: list[int] | None = None) -> TrackScores:
    """Tracks with the given windows' probabilities; the true genre is the first unless told."""
    return TrackScores(
        tracks=tuple(f"blues.{place:05d}" for place in range(len(windows))),
        targets=np.array(targets or [0] * len(windows), dtype=np.int64),
        windows=tuple(np.array(rows, dtype=np.float32) for rows in windows),
    )


def votes_right(right: np.ndarray) -> Votes:
    """Votes of two genres that are right where they are told to be; shape (n_seeds, n_tracks)."""
    sure = np.where(right, 0.9, 0.1)
    return Votes(np.stack([sure, 1.0 - sure], axis=2), np.zeros(right.shape[1], dtype=np.int64))


def test_a_window_that_rules_a_genre_out_weighs_more_among_logarithms() -> None:
    torn = scores([[0.6, 0.4], [0.6, 0.4], [1e-6, 1.0 - 1e-6]])
    assert votes([torn]).right[0, 0] == 0.0
    likely = scores([[0.9, 0.1], [0.9, 0.1], [1e-6, 1.0 - 1e-6]])
    assert votes([likely]).right[0, 0] == 1.0
    assert geometric_votes([likely]).right[0, 0] == 0.0
    alone = scores([[0.7, 0.3]])
    np.testing.assert_allclose(geometric_votes([alone]).pooled, votes([alone]).pooled, atol=1e-7)


def test_an_ensemble_is_right_where_its_members_are_right_together() -> None:
    seeds = [scores([[sure, 1.0 - sure]]) for sure in (0.9, 0.4, 0.4)]
    assert votes(seeds).accuracy == pytest.approx(1 / 3)
    together = ensemble(seeds)
    assert together.accuracy == 1.0
    np.testing.assert_allclose(together.pooled[0, 0], [1.7 / 3, 1.3 / 3], atol=1e-6)


def test_seeds_of_other_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="same tracks"):
        votes([scores([[1.0, 0.0]]), scores([[1.0, 0.0]], [[1.0, 0.0]])])


def test_the_log_loss_is_what_is_left_after_the_best_temperature() -> None:
    known = np.array([[[0.8, 0.2]] * 8 + [[0.2, 0.8]] * 2])
    targets = np.zeros(10, dtype=np.int64)
    # Four fifths are right, and it is said so: the entropy of (0.8, 0.2) is all that is lost.
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    assert Votes(known, targets).log_loss == pytest.approx(entropy, abs=1e-6)
    shouted = known**3 / (known**3).sum(axis=2, keepdims=True)
    assert Votes(shouted, targets).log_loss == pytest.approx(entropy, abs=1e-6)


def test_a_gain_is_paired_so_what_is_hard_for_both_cancels() -> None:
    base = np.random.default_rng(0).random((1, 200)) < 0.5
    better = base.copy()
    better[:, :20] = True
    base[:, :20] = False
    given, (low, high) = gain(votes_right(better), base=votes_right(base), seed=0)
    assert given == pytest.approx(0.1)
    # 20 of 200 tracks differ: a standard error of sqrt(0.1 * 0.9 / 200) = 0.021, so a width of 0.083. Of two
    # draws that know nothing of one another it would be 0.2.
    assert low < 0.1 < high
    assert high - low == pytest.approx(0.083, abs=0.015)


def test_an_interval_is_wider_where_seeds_disagree() -> None:
    right = np.repeat([[True], [False]], 2, axis=0).repeat(100, axis=1)
    none = np.zeros((1, 100), dtype=bool)
    # Two seeds are right everywhere, two nowhere: of four drawn again all are alike once in eight draws.
    _, (low, high) = gain(votes_right(right), base=votes_right(none), seed=0)
    assert (low, high) == pytest.approx((0.0, 1.0))


def test_equal_sides_give_nothing_and_the_interval_holds_it() -> None:
    right = np.random.default_rng(0).random((1, 100)) < 0.6
    assert gain(votes_right(right), base=votes_right(right), seed=0) == (0.0, (0.0, 0.0))


@pytest.mark.slow
def test_the_interval_holds_the_truth_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(60):
        base = rng.random((1, 150)) < 0.5
        changed = np.where(rng.random((1, 150)) < 0.2, rng.random((1, 150)) < 0.75, base)
        # A fifth of the tracks go from 0.5 to 0.75 right.
        _, (low, high) = gain(votes_right(changed), base=votes_right(base), seed=trial)
        held += low <= 0.05 <= high
    assert held >= 52  # of 60; 57 are expected, and 51 or fewer come once in 400 runs


def test_a_gain_over_other_tracks_is_refused() -> None:
    right = np.ones((1, 3), dtype=bool)
    with pytest.raises(ValueError, match="same tracks"):
        gain(votes_right(right), base=votes_right(right[:, :2]), seed=0)
