"""Turns the probabilities of a track's windows into one verdict: a genre with its confidence, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelzoo.manifest import Manifest

LOW_CONFIDENCE = "low_confidence"
"""Why a track got no label: its confidence is below the manifest's threshold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says about a track.

    Attributes
    ----------
    genre : str or None
        The top genre; None when the model abstains.
    confidence : float
        Calibrated probability that the top genre is right, in [0, 1]; given when abstaining too.
    genres : tuple of (str, float)
        Every genre with its calibrated probability, most probable first; the probabilities sum to 1.
    agreement : float
        Share of the windows whose own top genre is the track's, in [0, 1].
    abstain_reason : str or None
        Why there is no label; None when there is one.
    """

    genre: str | None
    confidence: float
    genres: tuple[tuple[str, float], ...]
    agreement: float
    abstain_reason: str | None


def soft_vote(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average the probabilities of a track's windows.

    The sum is exactly rounded, so the order in which windows arrive cannot change a label.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_genres), float32
        One row a window, n at least 1; each in [0, 1], each row summing to 1.

    Returns
    -------
    ndarray, shape (n_genres,), float64
        In [0, 1], summing to 1.

    Raises
    ------
    ValueError
        There is no window, or a probability is not a number in [0, 1].
    """
    if probabilities.ndim != 2 or len(probabilities) == 0:
        raise ValueError(f"expected at least one window of probabilities, shape={probabilities.shape}")
    if not (np.all(probabilities >= 0.0) and np.all(probabilities <= 1.0)):
        raise ValueError("expected probabilities in [0, 1]")
    sums = np.array([math.fsum(column) for column in probabilities.T.tolist()])
    return np.asarray(sums / math.fsum(sums))


def sharpen(pooled: NDArray[np.float64], temperature: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide the logarithms of probabilities by a temperature and normalise again.

    Parameters
    ----------
    pooled : ndarray, shape (..., n_genres), float64
        In [0, 1], each row summing to 1.
    temperature : float or ndarray, shape (..., 1), float64
        Greater than 0, one for all rows or one for each. Over 1 flattens, under 1 sharpens; the order of the
        genres stays.

    Returns
    -------
    ndarray, shape (..., n_genres), float64
        In [0, 1], each row summing to 1.
    """
    # The floor keeps log finite; it lies far below any float32 softmax that matters to a sum of 1.
    logits = np.log(np.maximum(pooled, 1e-30)) / temperature
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def decide(probabilities: NDArray[np.float32], manifest: Manifest) -> Verdict:
    """Pool a track's windows, calibrate and label, or abstain.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_genres), float32
        One row a window, as the scorer of `manifest`'s model returns them.
    manifest : Manifest
        Gives the genres, the temperature for n windows and the threshold.

    Raises
    ------
    ValueError
        There is no window, or a row does not hold one probability a genre.
    """
    pooled = soft_vote(probabilities)
    if len(pooled) != len(manifest.genres):
        raise ValueError(f"expected {len(manifest.genres)} genres, shape={probabilities.shape}")
    calibrated = sharpen(pooled, manifest.bucket_for(len(probabilities)).temperature)
    # Ordered by the pooled values: a temperature may round two neighbours to a tie, and must not swap them.
    order = np.argsort(-pooled, kind="stable")
    top = int(order[0])
    confidence = float(calibrated[top])
    abstains = confidence < manifest.abstain.threshold
    return Verdict(
        genre=None if abstains else manifest.genres[top],
        confidence=confidence,
        genres=tuple((manifest.genres[index], float(calibrated[index])) for index in order),
        agreement=float(np.mean(probabilities.argmax(axis=1) == top)),
        abstain_reason=LOW_CONFIDENCE if abstains else None,
    )
