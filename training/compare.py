"""Turns two models' held-out scores into how much better one is than the other, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from modelzoo.aggregate import sharpen
from training.errors import DataError
from training.held_out import HeldOut

ACCURACY_MARGIN = 0.02
"""Share of tracks. One standard error of an accuracy over the 640 fitting tracks is 0.019: a smaller loss
than this could not be told from another choice of tracks. Without a margin no equal could ever pass, since
one side of every honest interval is below zero."""

LOG_LOSS_MARGIN = 0.02
"""Nats a track. The log loss sees what accuracy rounds away: how sure the model is of what is right."""

CONFIDENCE = 0.95
N_DRAWS = 5_000
_LOG_TEMPERATURE_LIMITS = (-2.3, 2.3)


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus incumbent, over the same tracks.

    Attributes
    ----------
    candidate, incumbent : float
        The figure of each.
    mean : float
        Their difference.
    low, high : float
        Bounds of the two one-sided 95% intervals of the difference: it lies above `low`, and below `high`,
        with a probability of 0.95 each.
    """

    candidate: float
    incumbent: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a candidate did beside the incumbent on tracks by artists whom neither had heard.

    Attributes
    ----------
    accuracy : Difference
        Share of tracks whose top genre is right, mean over seeds.
    log_loss : Difference
        Mean negative logarithm of the true genre's probability, in nats, each model after the one temperature
        that suits it best: confidence is calibrated later in any case, so only what it knows is compared.
    n_tracks, n_artists : int
        Size of the sample; artists are what the bootstrap draws.
    """

    accuracy: Difference
    log_loss: Difference
    n_tracks: int
    n_artists: int

    @property
    def losses(self) -> tuple[str, ...]:
        """What speaks against the candidate, a line each; none means that it does not lose."""
        found: list[str] = []
        if self.accuracy.low <= -ACCURACY_MARGIN:
            found.append(
                f"its accuracy may be {-self.accuracy.low:.3f} lower, allowed={ACCURACY_MARGIN:g} "
                f"(candidate {self.accuracy.candidate:.3f}, incumbent {self.accuracy.incumbent:.3f})"
            )
        if self.log_loss.high >= LOG_LOSS_MARGIN:
            found.append(
                f"its log loss may be {self.log_loss.high:.3f} higher, allowed={LOG_LOSS_MARGIN:g} "
                f"(candidate {self.log_loss.candidate:.3f}, incumbent {self.log_loss.incumbent:.3f})"
            )
        return tuple(found)


def compare(candidate: HeldOut, *, incumbent: HeldOut, rng: np.random.Generator) -> Comparison:
    """Compare two models by a paired bootstrap over artists.

    Tracks of one artist are right or wrong together, so whole artists are drawn, with replacement, and both
    models are measured on the same draw: what is hard for both cancels. Source: Efron and Tibshirani, "An
    introduction to the bootstrap", 1993, chapters 8 and 13 (percentile intervals).

    Parameters
    ----------
    candidate, incumbent : HeldOut
        Of the same tracks and genres.
    rng : Generator
        Draws the artists.

    Raises
    ------
    DataError
        The two were not measured on the same tracks, or not under the same labels.
    """
    _check_comparable(candidate, incumbent)
    place = {track: index for index, track in enumerate(incumbent.tracks)}
    order = np.array([place[track] for track in candidate.tracks])
    artists, group = np.unique(candidate.artists, return_inverse=True)
    drawn = rng.multinomial(len(artists), np.full(len(artists), 1.0 / len(artists)), size=N_DRAWS)
    counts = drawn @ np.bincount(group)

    def difference(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> Difference:
        gaps = mine - theirs[order]
        resampled = (drawn @ np.bincount(group, weights=gaps)) / counts
        low, high = np.quantile(resampled, (1.0 - CONFIDENCE, CONFIDENCE))
        return Difference(
            float(mine.mean()), float(theirs.mean()), float(gaps.mean()), float(low), float(high)
        )

    return Comparison(
        accuracy=difference(_right(candidate), _right(incumbent)),
        log_loss=difference(*(log_losses(of.votes, targets=of.targets) for of in (candidate, incumbent))),
        n_tracks=len(candidate.tracks),
        n_artists=len(artists),
    )


def log_losses(votes: NDArray[np.float64], *, targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each track's negative log-likelihood after the one temperature that suits all best.

    Parameters
    ----------
    votes : ndarray, shape (..., n_tracks, n_genres), float64
        Soft votes, each row summing to 1; of several seeds, the mean loss is given.
    targets : ndarray, shape (n_tracks,), int64
        True genres.

    Returns
    -------
    ndarray, shape (n_tracks,), float64
        In nats, at least 0.
    """

    def losses(log_temperature: float) -> NDArray[np.float64]:
        of_truth = sharpen(votes, float(np.exp(log_temperature)))[..., np.arange(len(targets)), targets]
        found = -np.log(np.maximum(of_truth, 1e-12))
        return np.asarray(found.reshape(-1, len(targets)).mean(axis=0))

    best = minimize_scalar(
        lambda heat: float(losses(heat).mean()), bounds=_LOG_TEMPERATURE_LIMITS, method="bounded"
    )
    return losses(float(best.x))


def _right(held_out: HeldOut) -> NDArray[np.float64]:
    return np.asarray((held_out.votes.argmax(axis=2) == held_out.targets).mean(axis=0))


def _check_comparable(candidate: HeldOut, incumbent: HeldOut) -> None:
    if candidate.genres != incumbent.genres:
        raise DataError(
            f"the two models' scores are of other genres, candidate={','.join(candidate.genres)} "
            f"incumbent={','.join(incumbent.genres)}"
        )
    if dict(zip(candidate.tracks, candidate.truth, strict=True)) != dict(
        zip(incumbent.tracks, incumbent.truth, strict=True)
    ):
        raise DataError(
            f"the two models were measured on other tracks, candidate={len(candidate.tracks)} "
            f"incumbent={len(incumbent.tracks)}: make the candidate with the incumbent's data"
        )
