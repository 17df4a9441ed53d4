"""Turns a table's columns into figures: where they lie, how they spread, whether they tell genres apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.explore.findings import FeatureFigures, GenreCount, Shift
from training.windows import LabelledWindows

_WHISKER: Final = 1.5
"""Interquartile ranges beyond quartiles where outliers begin: Tukey, "Exploratory data analysis" (1977)."""
_SKEWED: Final = 1.0


def describe_columns(table: LabelledWindows, *, names: Sequence[str]) -> tuple[FeatureFigures, ...]:
    """Describe every column."""
    values = table.inputs.astype(np.float64)
    return tuple(
        _describe(values[:, place], name=name, genres=table.genres) for place, name in enumerate(names)
    )


def _describe(column: NDArray[np.float64], *, name: str, genres: NDArray[np.str_]) -> FeatureFigures:
    low, median, high = np.percentile(column, (25, 50, 75))
    reach = _WHISKER * (high - low)
    skew = skewness(column)
    is_positive = bool(column.min() > 0.0)
    tamed = abs(skewness(np.log(column))) < abs(skew) / 2.0 if is_positive else False
    return FeatureFigures(
        feature=name,
        mean=float(column.mean()),
        sd=float(column.std()),
        minimum=float(column.min()),
        median=float(median),
        maximum=float(column.max()),
        skew=skew,
        outliers=float(np.mean((column < low - reach) | (column > high + reach))),
        log_worthy=bool(skew > _SKEWED and tamed),
        constant=bool(column.min() == column.max()),
        between_genres=_between(column, genres),
    )


def skewness(column: NDArray[np.float64]) -> float:
    """Give the third standardised moment of values; 0 where they are all the same."""
    if column.min() == column.max():
        return 0.0
    away = column - column.mean()
    return float(np.mean(away**3) / np.mean(away**2) ** 1.5)


def _between(column: NDArray[np.float64], genres: NDArray[np.str_]) -> float:
    if column.min() == column.max():
        return 0.0
    middle, between = column.mean(), 0.0
    for genre in np.unique(genres):
        own = column[genres == genre]
        between += len(own) * (own.mean() - middle) ** 2
    return float(min(1.0, between / ((column - middle) ** 2).sum()))


def count_genres(table: LabelledWindows) -> tuple[GenreCount, ...]:
    """Count windows and tracks of each genre."""
    return tuple(
        GenreCount(
            genre=str(genre),
            windows=int(np.sum(table.genres == genre)),
            tracks=len(np.unique(table.tracks[table.genres == genre])),
        )
        for genre in np.unique(table.genres)
    )


def count_windows_per_track(table: LabelledWindows) -> dict[int, int]:
    """Count tracks by their number of windows."""
    _, windows = np.unique(table.tracks, return_counts=True)
    return dict(sorted(Counter(windows.tolist()).items()))


def shifts_between(
    own: LabelledWindows, extra: LabelledWindows, *, names: Sequence[str]
) -> tuple[Shift, ...]:
    """Say how far each column of another table lies from the own one's, in standard deviations.

    Within genres it is a property of the recordings; overall it is also one of how often each genre is there.
    """
    overall = _differences(own.inputs, extra.inputs)
    both = sorted(set(own.genres.tolist()) & set(extra.genres.tolist()))
    within = [
        _differences(own.inputs[own.genres == genre], extra.inputs[extra.genres == genre]) for genre in both
    ]
    middle = np.mean(within, axis=0) if within else None
    return tuple(
        Shift(
            feature=name,
            overall=float(overall[place]),
            within_genres=None if middle is None else float(middle[place]),
        )
        for place, name in enumerate(names)
    )


def _differences(own: NDArray[np.float32], extra: NDArray[np.float32]) -> NDArray[np.float64]:
    first, second = own.astype(np.float64), extra.astype(np.float64)
    pooled = np.sqrt((first.var(axis=0) + second.var(axis=0)) / 2.0)
    apart = second.mean(axis=0) - first.mean(axis=0)
    # Two constants that differ are infinitely far apart, which is no number to draw: they stay at 0.
    return np.asarray(np.divide(apart, pooled, out=np.zeros_like(apart), where=pooled > 0.0))
