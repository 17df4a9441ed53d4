"""Turns two sets of feature vectors into how far they are apart, in standard deviations of real music."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57

TOLERANCE_SD = 1e-3
"""Features may differ from the oracle's by this many standard deviations; tempo is counted apart."""
TEMPO_TOLERANCE = 1e-5
"""Tempi are grid points at least 0.3% apart; equal ones differ by float32 rounding, 6e-8 of their value."""


def _feature_sd() -> NDArray[np.float64]:
    table = json.loads(resources.files("featurizer").joinpath("gtzan57_sd.json").read_text(encoding="utf-8"))
    return np.array([table[name] for name in GTZAN57.feature_names], dtype=np.float64)


FEATURE_SD: NDArray[np.float64] = _feature_sd()
"""Each feature's standard deviation over 8,584 windows of GTZAN, shape [57], in the feature's own unit."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far features are from an oracle's.

    Attributes
    ----------
    n_windows : int
        Number of windows compared, at least 1.
    max_sd : dict of str to float
        For each feature but tempo the largest difference over all windows, in standard deviations; NaN
        where either side is NaN.
    tempo_equal : float
        Share of windows with equal tempo, in [0, 1].
    """

    n_windows: int
    max_sd: dict[str, float]
    tempo_equal: float

    @property
    def worst(self) -> tuple[str, float]:
        """The feature that is furthest apart, and its standard deviations; NaN is further than any number."""
        return max(self.max_sd.items(), key=lambda item: np.inf if np.isnan(item[1]) else item[1])

    def __str__(self) -> str:
        name, distance = self.worst
        return f"n_windows={self.n_windows} worst={name}:{distance:.1e}sd tempo_equal={self.tempo_equal:.4f}"


def compare(features: NDArray[np.floating], oracle: NDArray[np.floating]) -> Parity:
    """Compare `gtzan57` features with an oracle's.

    Parameters
    ----------
    features, oracle : numpy.ndarray, shape [n_windows, 57], any float type
        The same windows in the same order.

    Returns
    -------
    Parity

    Raises
    ------
    ValueError
        If the shapes are not equal, or not [n_windows, 57] with at least one window.
    """
    expected = (max(len(oracle), 1), GTZAN57.width)
    if features.shape != expected or oracle.shape != expected:
        shapes = f"features={features.shape} oracle={oracle.shape}"
        raise ValueError(f"both must have the shape [n_windows, {GTZAN57.width}]: {shapes}")
    difference = np.abs(features.astype(np.float64) - oracle.astype(np.float64))
    largest = (difference / FEATURE_SD).max(axis=0)
    max_sd = {name: float(sd) for name, sd in zip(GTZAN57.feature_names, largest, strict=True)}
    del max_sd["tempo"]
    tempo = GTZAN57.feature_names.index("tempo")
    equal = difference[:, tempo] <= TEMPO_TOLERANCE * np.abs(oracle[:, tempo])
    return Parity(n_windows=len(features), max_sd=max_sd, tempo_equal=float(equal.mean()))
