"""Turns probabilities and true genres into the figures that a report or a card shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelzoo.aggregate import soft_vote
from modelzoo.manifest import Measurement
from training.windows import LabelledWindows

ECE_BINS = 10


@dataclass(frozen=True)
class TrackScores:
    """Tracks with their windows' probabilities.

    Attributes
    ----------
    tracks : tuple of str
        Names, sorted.
    targets : ndarray, shape (n_tracks,), int64
        True genre of each track, as its place among the genres.
    windows : tuple of ndarray, each of shape (n_windows, n_genres), float32
        Probabilities of each track's windows, in order of time.
    """

    tracks: tuple[str, ...]
    targets: NDArray[np.int64]
    windows: tuple[NDArray[np.float32], ...]

    # Exactly rounded sums take 13 ms for 300 tracks, and a report asks for them five times a row.
    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """Soft votes, shape (n_tracks, n_genres), float64, each row summing to 1."""
        return np.stack([soft_vote(rows) for rows in self.windows])

    @property
    def track_accuracy(self) -> float:
        """Share of the tracks whose soft vote is right."""
        return float(np.mean(self.pooled.argmax(axis=1) == self.targets))

    @property
    def window_accuracy(self) -> float:
        """Share of the windows that are right by themselves."""
        right = [
            rows.argmax(axis=1) == target for rows, target in zip(self.windows, self.targets, strict=True)
        ]
        return float(np.concatenate(right).mean())

    @property
    def n_windows(self) -> int:
        """Number of windows of all tracks."""
        return sum(len(rows) for rows in self.windows)


def score_tracks(
    table: LabelledWindows, *, probabilities: NDArray[np.float32], genres: Sequence[str]
) -> TrackScores:
    """Gather windows by track.

    Parameters
    ----------
    table : LabelledWindows
        The windows that were scored.
    probabilities : ndarray, shape (len(table), n_genres), float32
        Their probabilities.
    genres : sequence of str
        Names of the columns.
    """
    names, first, place = np.unique(table.tracks, return_index=True, return_inverse=True)
    return TrackScores(
        tracks=tuple(names.tolist()),
        targets=table.targets(genres)[first],
        windows=tuple(probabilities[place == index] for index in range(len(names))),
    )


def join_scores(parts: Sequence[TrackScores]) -> TrackScores:
    """Put the tracks of several folds under one another."""
    return TrackScores(
        tracks=tuple(track for part in parts for track in part.tracks),
        targets=np.concatenate([part.targets for part in parts]),
        windows=tuple(rows for part in parts for rows in part.windows),
    )


def measure(values: Sequence[float], *, n: int) -> Measurement:
    """Summarise one figure over seeds.

    Parameters
    ----------
    values : sequence of float
        One a seed.
    n : int
        Number of windows or tracks behind each.
    """
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Measurement(mean=float(np.mean(values)), spread=spread, n=n, seeds=len(values))


def confusion(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], *, n_genres: int
) -> NDArray[np.int64]:
    """Count tracks by true genre (rows) and predicted genre (columns)."""
    counts = np.zeros((n_genres, n_genres), dtype=np.int64)
    np.add.at(counts, (targets, predicted), 1)
    return counts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a calibrated model says about tracks, and whether it is right.

    Attributes
    ----------
    probabilities : ndarray, shape (n_tracks, n_genres), float64
        Calibrated, each row summing to 1.
    right : ndarray, shape (n_tracks,), bool
        Whether the top genre is the true one.
    """

    probabilities: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Calibrated probability of the top genre, shape (n_tracks,), in [0, 1]."""
        return np.asarray(self.probabilities.max(axis=1))


def expected_calibration_error(outcome: Outcome) -> float:
    """Average the gap between confidence and accuracy over ten equal-width bins, weighted by their size.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    2015.
    """
    bins = np.minimum((outcome.confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.zeros(ECE_BINS)
    np.add.at(gaps, bins, outcome.confidence - outcome.right)
    return float(np.abs(gaps).sum() / len(bins))


def brier_score(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Average the squared distance between probabilities and the true genre's indicator, in [0, 2].

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    truth = np.eye(probabilities.shape[1])[targets]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """One point of the risk-coverage curve.

    Attributes
    ----------
    threshold : float
        Tracks with at least this confidence are labelled.
    coverage : float
        Share of tracks that are labelled.
    error : float
        Share of the labelled that are wrong; 0 where none is labelled.
    """

    threshold: float
    coverage: float
    error: float


def risk_at(threshold: float, outcome: Outcome) -> RiskPoint:
    """Say how much is labelled, and how much of it wrongly, at a threshold."""
    labelled = outcome.confidence >= threshold
    error = float(1.0 - outcome.right[labelled].mean()) if labelled.any() else 0.0
    return RiskPoint(threshold, float(labelled.mean()), error)
