"""Two models are compared track by track, and the interval is that of the artists that were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.rivals import N_TRACKS, scores, write_rival
from training.compare import compare, log_losses
from training.evaluate import TrackScores
from training.held_out import HeldOut, read_held_out


def held_out(folder: Path, found: TrackScores) -> HeldOut:
    return read_held_out(write_rival(folder, found=found))


def test_a_model_against_itself_differs_by_nothing(tmp_path: Path) -> None:
    found = held_out(tmp_path, scores(accuracy=0.6))
    comparison = compare(found, incumbent=found, rng=np.random.default_rng(0))
    assert (comparison.accuracy.low, comparison.accuracy.mean, comparison.accuracy.high) == (0.0, 0.0, 0.0)
    assert comparison.losses == ()


def test_the_interval_is_that_of_the_normal_approximation_over_artists(tmp_path: Path) -> None:
    mine, theirs = scores(accuracy=0.6, seed=1), scores(accuracy=0.6, seed=2)
    found = compare(
        held_out(tmp_path / "a", mine),
        incumbent=held_out(tmp_path / "b", theirs),
        rng=np.random.default_rng(0),
    ).accuracy
    gaps = (mine.pooled.argmax(axis=1) == mine.targets) * 1.0 - (
        theirs.pooled.argmax(axis=1) == theirs.targets
    )
    # Artists have two tracks each, neighbours in the list.
    error = gaps.reshape(-1, 2).mean(axis=1).std() / np.sqrt(N_TRACKS / 2)
    assert found.mean == pytest.approx(gaps.mean())
    assert found.low == pytest.approx(gaps.mean() - 1.645 * error, abs=0.004)
    assert found.high == pytest.approx(gaps.mean() + 1.645 * error, abs=0.004)


def test_confidence_alone_does_not_decide_since_it_is_calibrated_later(tmp_path: Path) -> None:
    timid, bold = (
        held_out(tmp_path / name, scores(accuracy=0.6, sure=sure)) for name, sure in (("a", 0.4), ("b", 0.9))
    )
    comparison = compare(timid, incumbent=bold, rng=np.random.default_rng(0))
    assert comparison.log_loss.mean == pytest.approx(0.0, abs=1e-4)


def test_the_log_loss_of_a_calibrated_vote_is_its_entropy() -> None:
    # Right in 60 of 100 and sure of 0.6: no temperature does better.
    votes = np.tile([0.6, 0.4], (100, 1))
    targets = (np.arange(100) >= 60).astype(np.int64)
    expected = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    assert log_losses(votes, targets=targets).mean() == pytest.approx(expected, abs=1e-6)


def test_a_model_that_knows_less_loses_by_its_log_loss_though_it_is_as_often_right(tmp_path: Path) -> None:
    sharp = scores(accuracy=0.6)
    blunt = TrackScores(
        sharp.tracks,
        sharp.targets,
        # Sure of every second track only: the same answers, less known about them.
        tuple(
            rows if number % 2 else np.where(rows > 0.5, 0.35, 0.325).astype(np.float32)
            for number, rows in enumerate(sharp.windows)
        ),
    )
    comparison = compare(
        held_out(tmp_path / "a", blunt),
        incumbent=held_out(tmp_path / "b", sharp),
        rng=np.random.default_rng(0),
    )
    assert comparison.accuracy.mean == 0.0
    assert len(comparison.losses) == 1
    assert "log loss" in comparison.losses[0]
