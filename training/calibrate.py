"""Turns the scores of tracks that a model has not heard into temperatures and a threshold to abstain at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from modelzoo.aggregate import sharpen, soft_vote
from modelzoo.manifest import Abstention, TemperatureBucket
from training.evaluate import Outcome, TrackScores, risk_at

BUCKETS = ((1, 1), (2, 3), (4, 6), (7, 10))
"""Smallest and largest number of windows of each temperature: pooling more windows flattens the vote more."""

_LOG_TEMPERATURE_LIMITS = (-2.3, 2.3)
"""Temperatures between 0.1 and 10: a fit that wants more has nothing to hold on to."""


def fit_temperatures(scores: TrackScores) -> tuple[TemperatureBucket, ...]:
    """Fit one temperature a bucket of window counts, by least negative log-likelihood.

    A track gives every bucket its runs of that many neighbouring windows, so that a bucket sees all tracks;
    each track weighs the same. Tracks longer than the last bucket's use its temperature, marked as
    extrapolated.

    Parameters
    ----------
    scores : TrackScores
        Tracks by artists whom the models that scored them have not heard.
    """
    fitted = [
        TemperatureBucket(min_windows=low, temperature=round(_fit_bucket(scores, low, high), 4))
        for low, high in BUCKETS
    ]
    beyond = TemperatureBucket(
        min_windows=BUCKETS[-1][1] + 1, temperature=fitted[-1].temperature, extrapolated=True
    )
    return (*fitted, beyond)


def choose_threshold(held_out: Outcome, *, target_error: float) -> Abstention:
    """Find the lowest threshold from which on the labelled tracks' error stays within a target.

    Parameters
    ----------
    held_out : Outcome
        Of tracks that the model has not heard.
    target_error : float
        Largest share of wrong labels among the labelled, in [0, 1].

    Returns
    -------
    Abstention
        Its threshold is a multiple of a hundredth and at most 0.99, whatever the error is there.
    """
    points = [risk_at(step / 100.0, held_out) for step in range(100)]
    # From on, not at: one lucky dip of a noisy curve is no threshold.
    chosen = points[-1]
    for point in reversed(points):
        if point.error > target_error:
            break
        chosen = point
    return Abstention(
        threshold=chosen.threshold, target_error=target_error, coverage=chosen.coverage, error=chosen.error
    )


def outcome(scores: TrackScores, buckets: Sequence[TemperatureBucket]) -> Outcome:
    """Pool and calibrate whole tracks.

    Parameters
    ----------
    scores : TrackScores
        Tracks.
    buckets : sequence of TemperatureBucket
        In order of `min_windows`; without any, pooled probabilities are left as they are.
    """
    temperatures = [
        next((bucket.temperature for bucket in reversed(buckets) if bucket.min_windows <= len(rows)), 1.0)
        for rows in scores.windows
    ]
    pooled = scores.pooled
    return Outcome(
        probabilities=np.stack(
            [sharpen(soft, heat) for soft, heat in zip(pooled, temperatures, strict=True)]
        ),
        right=pooled.argmax(axis=1) == scores.targets,
    )


def _fit_bucket(scores: TrackScores, low: int, high: int) -> float:
    pooled, targets, weights = _runs(scores, low, high)
    if not len(targets):
        return 1.0

    def loss(log_temperature: float) -> float:
        of_truth = sharpen(pooled, float(np.exp(log_temperature)))[np.arange(len(targets)), targets]
        return float(-(weights * np.log(np.maximum(of_truth, 1e-30))).sum())

    best = minimize_scalar(loss, bounds=_LOG_TEMPERATURE_LIMITS, method="bounded")
    return float(np.exp(best.x))


def _runs(
    scores: TrackScores, low: int, high: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    pooled: list[NDArray[np.float64]] = []
    targets: list[int] = []
    weights: list[float] = []
    for rows, target in zip(scores.windows, scores.targets, strict=True):
        runs = [
            rows[start : start + length]
            for length in range(low, high + 1)
            for start in range(0, len(rows) - length + 1, length)
        ]
        pooled.extend(soft_vote(run) for run in runs)
        targets.extend(int(target) for _ in runs)
        weights.extend(1.0 / len(runs) for _ in runs)
    return np.array(pooled), np.array(targets, dtype=np.int64), np.array(weights)
