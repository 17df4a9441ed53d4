"""Turns what was right, by seed and track, into a mean with its 95% interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from training.evaluate import TrackScores

N_DRAWS = 2_000
"""Of the bootstrap: the ends of its 95% interval are then stable to about a tenth of its width."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was right, by seed and track.

    Attributes
    ----------
    right : ndarray, shape (n_seeds, n_tracks), float64
        Right answers about each track.
    asked : ndarray, shape (n_seeds, n_tracks), float64
        Answers about each track; 0 where a seed's test side does not hold it.
    """

    right: NDArray[np.float64]
    asked: NDArray[np.float64]

    @property
    def by_seed(self) -> NDArray[np.float64]:
        """Accuracy of each seed, in [0, 1]."""
        return np.asarray(self.right.sum(axis=1) / self.asked.sum(axis=1))


def count_tracks(scores: Sequence[TrackScores]) -> Counts:
    """Count one answer a track: its soft vote's."""
    return _count(
        scores, [(score.pooled.argmax(axis=1) == score.targets).astype(np.float64) for score in scores], None
    )


def count_windows(scores: Sequence[TrackScores]) -> Counts:
    """Count one answer a window."""
    right = [
        np.array(
            [
                np.count_nonzero(rows.argmax(axis=1) == target)
                for rows, target in zip(score.windows, score.targets, strict=True)
            ],
            dtype=np.float64,
        )
        for score in scores
    ]
    asked = [np.array([len(rows) for rows in score.windows], dtype=np.float64) for score in scores]
    return _count(scores, right, asked)


def interval(counts: Counts, *, seed: int = 0) -> tuple[float, float]:
    """Bound the mean accuracy by a bootstrap that draws tracks and seeds again.

    One draw of tracks is asked of every seed, since the seeds share them; windows stay with their track.

    Parameters
    ----------
    counts : Counts
        What was right.
    seed : int
        Seeds the bootstrap.

    Returns
    -------
    (float, float)
        The 2.5% and 97.5% quantiles.
    """
    n_seeds, n_tracks = counts.right.shape
    times = _draw_tracks(n_tracks, seed)
    # A draw may hold no track of a seed's test side where there are a handful only: it says nothing then.
    with np.errstate(invalid="ignore"):
        accuracies = (times @ counts.right.T) / (times @ counts.asked.T)
    chosen = np.random.default_rng((seed, 1)).integers(0, n_seeds, size=(N_DRAWS, n_seeds))
    drawn = np.take_along_axis(accuracies, chosen, axis=1)
    says = np.isfinite(drawn)
    heard = says.any(axis=1)
    means = np.where(says, drawn, 0.0)[heard].sum(axis=1) / says[heard].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    # Sums in float64 may end a hair above 1.
    return float(np.clip(low, 0.0, 1.0)), float(np.clip(high, 0.0, 1.0))


# A report asks for a hundred intervals over the same few numbers of tracks; one draw of 1,000 takes 16 MB.
@lru_cache(maxsize=4)
def _draw_tracks(n_tracks: int, seed: int) -> NDArray[np.float64]:
    """Draw how often each track is taken, shape (N_DRAWS, n_tracks)."""
    rng = np.random.default_rng((seed, 0))
    shares = np.full(n_tracks, 1.0 / n_tracks)
    return rng.multinomial(n_tracks, shares, size=N_DRAWS).astype(np.float64)


def _count(
    scores: Sequence[TrackScores],
    right: Sequence[NDArray[np.float64]],
    asked: Sequence[NDArray[np.float64]] | None,
) -> Counts:
    names = sorted({track for score in scores for track in score.tracks})
    place = {track: index for index, track in enumerate(names)}
    counts = Counts(np.zeros((len(scores), len(names))), np.zeros((len(scores), len(names))))
    for seed, score in enumerate(scores):
        columns = [place[track] for track in score.tracks]
        counts.right[seed, columns] = right[seed]
        counts.asked[seed, columns] = 1.0 if asked is None else asked[seed]
    return counts
