"""Turns measured values into what is told of them: median, 95th percentile and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def percentile(values: Sequence[float], percent: float) -> float:
    """Give a percentile in [0, 100] of at least one value, interpolated."""
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent))


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Give median, 95th percentile and number of at least one value, as JSON-ready data."""
    return {"median": percentile(values, 50), "p95": percentile(values, 95), "n": len(values)}


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Give the median of the ratios of values that were measured side by side, in equal rounds.

    What slows a machine for a while slows both sides of a round: their ratio hardly moves.
    """
    return percentile([over / under for over, under in zip(numerators, denominators, strict=True)], 50)


def slope(positions: Sequence[float], values: Sequence[float]) -> float:
    """Give the least-squares slope of values over positions; 0 for fewer than two of these."""
    if len(set(positions)) < 2:
        return 0.0
    return float(np.polynomial.Polynomial.fit(positions, values, deg=1).convert().coef[1])
