"""Turns the window probabilities of many tracks into their verdicts at once, each equal to `decide`'s.

`modelzoo.aggregate.decide` takes one track, and 20 million of them one after the other. Here the windows of
thousands of tracks are pooled, calibrated and ordered by a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelzoo.aggregate import sharpen, soft_vote
from modelzoo.manifest import Manifest

_LONG: Final = 512
"""Windows from which on a track is pooled by itself: here a pass is made for each window of the longest."""
_UNIT: Final = 2.0**-53
"""Largest relative error of one rounding to float64."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What the model says about each of m tracks.

    Attributes
    ----------
    valid : ndarray, shape (m,), bool
        False where the model gave no probabilities (NaN, or outside [0, 1]): the rest of that row means
        nothing.
    order : ndarray, shape (m, n_genres), int64
        The genres' indices, most probable first.
    calibrated : ndarray, shape (m, n_genres), float64, in [0, 1]
        Probabilities in the order of the manifest's genres; each row sums to 1.
    confidence : ndarray, shape (m,), float64, in [0, 1]
        That of the top genre.
    abstains : ndarray, shape (m,), bool
        Whether the confidence is below the manifest's threshold.
    agreement : ndarray, shape (m,), float64, in [0, 1]
        Share of the windows whose own top genre is the track's.
    window_tops : ndarray, shape (n,), int64
        Each window's own top genre.
    """

    valid: NDArray[np.bool_]
    order: NDArray[np.int64]
    calibrated: Doubles
    confidence: Doubles
    abstains: NDArray[np.bool_]
    agreement: Doubles
    window_tops: NDArray[np.int64]


def decide_many(probabilities: NDArray[np.float32], lengths: Sequence[int], manifest: Manifest) -> Verdicts:
    """Pool, calibrate and label, or abstain, track by track.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_genres), float32
        One row a window, a track's windows one after the other, as the scorer of `manifest`'s model gives
        them.
    lengths : sequence of int
        Windows of each track, each at least 1, in that order; they add up to n.
    manifest : Manifest
        Gives the genres, the temperatures and the threshold.

    Raises
    ------
    ValueError
        The lengths are not those of the rows, or a row does not hold one probability a genre.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(manifest.genres):
        raise ValueError(f"expected {len(manifest.genres)} genres, shape={probabilities.shape}")
    if counts.sum() != len(probabilities) or (len(counts) and counts.min() < 1):
        raise ValueError(f"expected windows of every track: rows={len(probabilities)} sum={counts.sum()}")
    starts = np.cumsum(counts) - counts
    good = np.asarray(((probabilities >= 0.0) & (probabilities <= 1.0)).all(axis=1))
    valid = np.logical_and.reduceat(good, starts) if len(counts) else np.empty(0, np.bool_)
    # What means nothing must not warn, nor be raised for: all of its genres are equal.
    usable = np.where(good[:, None], probabilities, np.float32(1.0))
    pooled = _pool(usable, counts, starts)
    calibrated = sharpen(pooled, _temperatures(counts, manifest)[:, None])
    order = np.argsort(-pooled, axis=1, kind="stable")
    tops = order[:, 0]
    confidence = calibrated[np.arange(len(counts)), tops]
    window_tops = usable.argmax(axis=1)
    agreeing = np.add.reduceat(window_tops == np.repeat(tops, counts), starts, dtype=np.int64)
    return Verdicts(
        valid=valid,
        order=order,
        calibrated=calibrated,
        confidence=confidence,
        abstains=confidence < manifest.abstain.threshold,
        agreement=agreeing / counts,
        window_tops=window_tops,
    )


def _temperatures(counts: NDArray[np.int64], manifest: Manifest) -> Doubles:
    first_counts = [bucket.min_windows for bucket in manifest.calibration]
    temperatures = np.array([bucket.temperature for bucket in manifest.calibration])
    return np.asarray(temperatures[np.searchsorted(first_counts, counts, side="right") - 1])


def _pool(
    probabilities: NDArray[np.float32], counts: NDArray[np.int64], starts: NDArray[np.int64]
) -> Doubles:
    """Give what `soft_vote` gives for each track, [m, n_genres], to the last bit."""
    sums, sure = _sum_windows(probabilities, counts, starts)
    totals, total_sure = _sum_rounded(sums.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = sums / totals[:, None]
    for track in np.flatnonzero(~(sure.all(axis=1) & total_sure)):
        pooled[track] = soft_vote(probabilities[starts[track] : starts[track] + counts[track]])
    return np.asarray(pooled)


def _sum_windows(
    probabilities: NDArray[np.float32], counts: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[Doubles, NDArray[np.bool_]]:
    """Add up each track's windows: a pass takes one more window of all tracks that have one left."""
    by_length = np.argsort(-counts, kind="stable")
    sorted_counts, sorted_starts = counts[by_length], starts[by_length]
    shape = (len(counts), probabilities.shape[1])
    adding = _Sum(shape)
    short = int(np.searchsorted(-sorted_counts, -_LONG))  # longer ones stand first
    for step in range(int(sorted_counts[short]) if short < len(counts) else 0):
        end = int(np.searchsorted(-sorted_counts, -step))
        rows = probabilities[sorted_starts[short:end] + step].astype(np.float64)
        adding.add(rows, slice(short, end))
    sums, sure = np.empty(shape), np.empty(shape, np.bool_)
    sums[by_length], sure[by_length] = adding.rounded(sorted_counts[:, None])
    sure[by_length[:short]] = False
    return sums, sure


def _sum_rounded(terms: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """Add up along the first axis: the correctly rounded sums, and where they are surely that."""
    adding = _Sum(terms.shape[1:])
    for row in terms:
        adding.add(row, slice(None))
    return adding.rounded(np.int64(len(terms)))


class _Sum:
    """Sums with what their roundings lost (Ogita, Rump and Oishi 2005, Sum2), and a bound of the losses."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sums = np.zeros(shape)
        self._lost = np.zeros(shape)
        self._bound = np.zeros(shape)

    def add(self, terms: Doubles, where: slice) -> None:
        """Add a term to each of some sums."""
        before = self._sums[where]
        after = before + terms
        moved = after - before
        error = (before - (after - moved)) + (terms - moved)  # exact (Knuth's TwoSum)
        self._sums[where] = after
        self._lost[where] += error
        self._bound[where] += np.abs(error)

    def rounded(self, n_terms: NDArray[np.int64] | np.int64) -> tuple[Doubles, NDArray[np.bool_]]:
        """Give the sums, and whether each is sure to be the exact sum rounded once, as `math.fsum` gives it.

        The losses were added up with roundings of their own, together at most n u of their bound. Where a
        change by four times that does not change the sum, the sum is that of the exact losses too.
        """
        slack = 4.0 * _UNIT * n_terms * self._bound
        low, high = self._sums + (self._lost - slack), self._sums + (self._lost + slack)
        return self._sums + self._lost, low == high
