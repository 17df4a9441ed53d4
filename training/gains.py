"""Turns the scores of two ways to do a thing on the same tracks into what one gives over the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from modelzoo.aggregate import sharpen
from training.evaluate import TrackScores

N_DRAWS = 5_000
"""Of the bootstrap: its 95% interval's ends are then stable to a tenth of a point."""

_LEAST = 1e-12
"""Of a probability whose logarithm is taken: float32 rounds the smallest ones to 0."""

_LOG_TEMPERATURE_LIMITS = (-2.3, 2.3)


@dataclass(frozen=True, slots=True)
class Votes:
    """What one way to do a thing says of tracks, a fit (a seed) at a time.

    Attributes
    ----------
    pooled : ndarray, shape (n_seeds, n_tracks, n_genres), float64
        Soft votes, each row summing to 1.
    targets : ndarray, shape (n_tracks,), int64
        True genre of each track.
    """

    pooled: NDArray[np.float64]
    targets: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.float64]:
        """1 where a seed's top genre is the true one, else 0; shape (n_seeds, n_tracks)."""
        return np.asarray(self.pooled.argmax(axis=2) == self.targets, dtype=np.float64)

    @property
    def accuracy(self) -> float:
        """Share of the tracks that are right, mean over seeds."""
        return float(self.right.mean())

    @property
    def log_loss(self) -> float:
        """Mean negative log-likelihood of the true genres after the one temperature that suits best, in nats.

        Confidence is calibrated by a temperature later in any case, so only what is known is compared, not
        how loudly it is said.
        """

        def loss(log_temperature: float) -> float:
            calibrated = sharpen(self.pooled, float(np.exp(log_temperature)))
            of_truth = calibrated[:, np.arange(len(self.targets)), self.targets]
            return float(-np.log(np.maximum(of_truth, _LEAST)).mean())

        best = minimize_scalar(loss, bounds=_LOG_TEMPERATURE_LIMITS, method="bounded")
        return loss(float(best.x))


def votes(scores: Sequence[TrackScores]) -> Votes:
    """Let each seed's windows vote.

    Parameters
    ----------
    scores : sequence of TrackScores
        One a seed, all of the same tracks.

    Raises
    ------
    ValueError
        Two seeds were measured on other tracks: there is nothing to pair then.
    """
    if any(score.tracks != scores[0].tracks for score in scores):
        raise ValueError("every seed must be measured on the same tracks")
    return Votes(np.stack([score.pooled for score in scores]), scores[0].targets)


def ensemble(scores: Sequence[TrackScores]) -> Votes:
    """Average the windows' probabilities over the seeds, then let the windows vote: one model of many."""
    mean = votes(scores).pooled.mean(axis=0)
    # A mean over seeds and then over a track's windows is the mean over windows and then over seeds.
    return Votes(mean[None], scores[0].targets)


def geometric_votes(scores: Sequence[TrackScores]) -> Votes:
    """Average the logarithms of a track's windows' probabilities (its logits), in place of the probabilities.

    A window that finds a genre all but impossible then outweighs many that find it likely.
    """
    known = votes(scores)
    pooled = np.stack([[_geometric_mean(rows) for rows in score.windows] for score in scores])
    return Votes(pooled, known.targets)


def gain(changed: Votes, *, base: Votes, seed: int) -> tuple[float, tuple[float, float]]:
    """Say how much more of the tracks are right, with a 95% interval.

    A paired bootstrap: tracks are drawn again, the same ones for both, so that what is hard for both cancels;
    so are seeds, of each on its own. Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993.

    Parameters
    ----------
    changed, base : Votes
        Of the same tracks.
    seed : int
        Seeds the draws.

    Returns
    -------
    gain : float
        Difference of the accuracies, in [-1, 1].
    interval : (float, float)
        Its 2.5% and 97.5% quantiles.

    Raises
    ------
    ValueError
        The two are of other tracks.
    """
    if not np.array_equal(changed.targets, base.targets):
        raise ValueError("a gain is measured on the same tracks")
    rng = np.random.default_rng(seed)
    n_tracks = len(base.targets)
    times = rng.multinomial(n_tracks, np.full(n_tracks, 1.0 / n_tracks), size=N_DRAWS) / n_tracks
    differences = _drawn(changed, times=times, rng=rng) - _drawn(base, times=times, rng=rng)
    low, high = np.quantile(differences, [0.025, 0.975])
    return changed.accuracy - base.accuracy, (float(low), float(high))


def _drawn(side: Votes, *, times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    by_seed = times @ side.right.T
    seeds = rng.integers(0, len(side.right), size=by_seed.shape)
    return np.asarray(np.take_along_axis(by_seed, seeds, axis=1).mean(axis=1))


def _geometric_mean(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    logarithms = np.log(np.maximum(rows.astype(np.float64), _LEAST)).mean(axis=0)
    shares = np.exp(logarithms - logarithms.max())
    return np.asarray(shares / shares.sum())
