"""Turns tracks that chose nothing into how far a model's confidence can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from modelzoo.aggregate import sharpen
from training.evaluate import (
    ECE_BINS,
    Outcome,
    TrackScores,
    brier_score,
    expected_calibration_error,
    risk_at,
)
from training.report.figures import Calibration, ConfidenceBin, CurvePoint

_LOG_TEMPERATURE_LIMITS = (-2.3, 2.3)
"""Temperatures between 0.1 and 10: a fit that wants more has nothing to hold on to."""

_LEAST_PROBABILITY = 1e-6
"""Below it a probability counts as this in a logarithm: a nearest neighbour says 0 of nine genres."""

_N_THRESHOLDS = 50
"""Of the risk-coverage curve, from 0 in equal steps."""


def pooled(scores: Sequence[TrackScores]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Put the soft votes and true genres of several seeds under one another."""
    return np.concatenate([score.pooled for score in scores]), np.concatenate(
        [score.targets for score in scores]
    )


def log_loss(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Average the negative logarithm of the true genre's probability, in nats."""
    of_truth = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(of_truth, _LEAST_PROBABILITY)).mean())


def fit_temperature(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Find the temperature of least negative log-likelihood, between 0.1 and 10.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
    """

    def loss(log_temperature: float) -> float:
        return log_loss(sharpen(probabilities, float(np.exp(log_temperature))), targets)

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURE_LIMITS, method="bounded").x))


def calibrate(test: Sequence[TrackScores], *, validation: Sequence[TrackScores]) -> Calibration:
    """Fit one temperature for whole tracks on validation artists and measure it on the test.

    Parameters
    ----------
    test, validation : sequence of TrackScores
        One a seed, of the same model fitted for either.
    """
    temperature = fit_temperature(*pooled(validation))
    plain = [Outcome(score.pooled, score.pooled.argmax(axis=1) == score.targets) for score in test]
    calm = [Outcome(sharpen(each.probabilities, temperature), each.right) for each in plain]
    targets = [score.targets for score in test]
    every = Outcome(
        np.concatenate([each.probabilities for each in calm]), np.concatenate([each.right for each in calm])
    )
    return Calibration(
        temperature=temperature,
        ece=_mean([expected_calibration_error(each) for each in calm]),
        ece_uncalibrated=_mean([expected_calibration_error(each) for each in plain]),
        brier=_mean(
            [brier_score(each.probabilities, true) for each, true in zip(calm, targets, strict=True)]
        ),
        brier_uncalibrated=_mean(
            [brier_score(each.probabilities, true) for each, true in zip(plain, targets, strict=True)]
        ),
        reliability=_bins(every),
        risk_coverage=_curve(every),
    )


def _bins(outcome: Outcome) -> tuple[ConfidenceBin, ...]:
    confidence = outcome.confidence
    place = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return tuple(
        ConfidenceBin(
            confidence=_share(confidence[place == index].mean()),
            accuracy=_share(outcome.right[place == index].mean()),
            n=int(np.count_nonzero(place == index)),
        )
        for index in np.unique(place)
    )


def _curve(outcome: Outcome) -> tuple[CurvePoint, ...]:
    points = (risk_at(step / _N_THRESHOLDS, outcome) for step in range(_N_THRESHOLDS))
    return tuple(
        CurvePoint(threshold=point.threshold, coverage=point.coverage, error=_share(point.error))
        for point in points
        if point.coverage > 0.0
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _share(value: float) -> float:
    # A mean in float64 may end a hair outside.
    return float(np.clip(value, 0.0, 1.0))
