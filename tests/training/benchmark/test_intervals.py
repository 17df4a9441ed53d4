"""Intervals bound means over seeds, and are as wide as the tracks make them."""

from __future__ import annotations

import numpy as np
import pytest

from training.benchmark.intervals import count_tracks, count_windows, interval
from training.evaluate import TrackScores


def make_scores(right: list[bool], *, n_windows: int = 2, first: int = 0) -> TrackScores:
    """Tracks of genre 0 that the model is sure about, rightly or wrongly."""
    windows = tuple(
        np.tile(np.array([0.9, 0.1] if good else [0.1, 0.9], dtype=np.float32), (n_windows, 1))
        for good in right
    )
    names = tuple(f"blues.{number:05d}" for number in range(first, first + len(right)))
    return TrackScores(names, np.zeros(len(right), dtype=np.int64), windows)


def test_accuracies_are_counted_by_track_and_by_window() -> None:
    scores = [make_scores([True, True, False, True]), make_scores([True, False, False, True])]
    assert count_tracks(scores).by_seed.tolist() == [0.75, 0.5]
    mixed = TrackScores(
        ("a", "b"),
        np.zeros(2, dtype=np.int64),
        (
            np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], dtype=np.float32),
            np.array([[0.1, 0.9]], dtype=np.float32),
        ),
    )
    assert count_windows([mixed]).by_seed.tolist() == [0.5]


def test_the_interval_of_many_tracks_is_the_binomials() -> None:
    rng = np.random.default_rng(0)
    scores = [make_scores((rng.random(400) < 0.6).tolist())]
    counts = count_tracks(scores)
    low, high = interval(counts)
    mean = counts.by_seed[0]
    half = 1.96 * np.sqrt(mean * (1 - mean) / 400)
    # Two thousand draws find a bound to about a twentieth of its distance.
    assert low == pytest.approx(mean - half, abs=0.15 * half)
    assert high == pytest.approx(mean + half, abs=0.15 * half)


def test_seeds_that_agree_do_not_narrow_the_interval() -> None:
    right = (np.random.default_rng(1).random(100) < 0.6).tolist()
    one, five = (count_tracks([make_scores(right)] * n) for n in (1, 5))
    width_of_one, width_of_five = (high - low for low, high in (interval(one), interval(five)))
    assert width_of_five == pytest.approx(width_of_one, rel=0.05)


def test_seeds_that_differ_widen_it() -> None:
    agreeing = count_tracks([make_scores([True] * 30 + [False] * 30)] * 2)
    differing = count_tracks([make_scores([True] * 60), make_scores([False] * 60)])
    assert differing.by_seed.mean() == agreeing.by_seed.mean()
    low, high = interval(differing)
    assert (low, high) == (0.0, 1.0)


def test_seeds_with_other_tracks_are_bounded_together() -> None:
    scores = [make_scores([True] * 8, first=0), make_scores([True] * 8, first=6)]
    counts = count_tracks(scores)
    assert counts.asked.shape == (2, 14)
    assert counts.asked.sum(axis=1).tolist() == [8.0, 8.0]
    assert interval(counts) == (1.0, 1.0)


def test_a_single_track_has_an_interval_of_no_width() -> None:
    assert interval(count_tracks([make_scores([False])])) == (0.0, 0.0)
