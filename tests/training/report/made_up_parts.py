"""Turns a few numbers into the made-up parts of reports: data, leaks, steps, importances, confusions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featurizer.spec import GTZAN57
from training.report.figures import (
    Calibration,
    ConfidenceBin,
    CurvePoint,
    DataFigures,
    Importance,
    Leak,
    Step,
)

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def data(
    name: str, *, role: str, n_windows: int, n_tracks: int, n_dropped: int, genres: Sequence[str] = GENRES
) -> DataFigures:
    """Make up a table."""
    windows = {genre: n_windows // len(genres) for genre in genres}
    return DataFigures(
        id=name, role=role, n_windows=n_windows, n_tracks=n_tracks, n_dropped=n_dropped, genres=windows
    )


def leaks() -> tuple[Leak, ...]:
    """Make up what the search for copies finds."""
    return (
        Leak(
            protocol="random_windows",
            leaks=True,
            shared_tracks=998,
            near_copies=998,
            neighbour_accuracy=0.897,
            grouped_accuracy=0.612,
            why="998 tracks have windows on both sides, and the nearest neighbour alone is right for 0.897 "
            "of the windows, against 0.612 where tracks are kept whole.",
        ),
        Leak(
            protocol="fault_filtered",
            leaks=False,
            shared_tracks=0,
            near_copies=0,
            neighbour_accuracy=0.392,
            grouped_accuracy=0.612,
            why="No track and no near copy is on both sides; the nearest neighbour gets 0.392, against "
            "0.612 where tracks are kept whole.",
        ),
    )


def steps() -> tuple[Step, ...]:
    """Make up a ladder of changes."""
    ladder = (
        ("base", "MLP with dropout", None, 0.512, None),
        ("log-variances", "Logarithms of the variances", "base", 0.541, (0.004, 0.055)),
        ("smoothing", "Label smoothing", "log-variances", 0.546, (-0.010, 0.021)),
        ("mixup", "Mixup", "smoothing", 0.538, (-0.030, -0.001)),
        ("extra", "The extra table", "smoothing", 0.587, (0.012, 0.071)),
    )
    worth = {name: accuracy for name, _, _, accuracy, _ in ladder}
    return tuple(
        Step(
            name=name,
            title=title,
            what=f"{title}, and nothing else.",
            base=base,
            track_accuracy=accuracy,
            log_loss=2.1 - accuracy,
            gain=None if base is None else accuracy - worth[base],
            gain_interval=interval,
        )
        for name, title, base, accuracy, interval in ladder
    )


def importances(*, shap: bool) -> tuple[Importance, ...]:
    """Make up how much a model leans on each feature."""
    rng = np.random.default_rng(3)
    falls = np.sort(rng.exponential(0.02, GTZAN57.width))[::-1] - 0.002
    return tuple(
        Importance(feature=name, permutation=float(fall), shap=float(abs(fall) * 9.0) if shap else None)
        for name, fall in zip(GTZAN57.feature_names, falls, strict=True)
    )


def confusion(accuracy: float, n: int, *, n_genres: int) -> tuple[tuple[int, ...], ...]:
    each = n // n_genres
    right = round(accuracy * each)
    counts = np.full((n_genres, n_genres), 0)
    for genre in range(n_genres):
        counts[genre, genre] = right
        counts[genre, (genre + 3) % n_genres] += (each - right) // 2
        counts[genre, (genre + 1) % n_genres] += each - right - (each - right) // 2
    return tuple(tuple(int(number) for number in row) for row in counts)


def calibration_of(accuracy: float, n: int) -> Calibration:
    bins = tuple(
        ConfidenceBin(confidence=middle, accuracy=min(1.0, middle * 0.9 + 0.1 * accuracy), n=n // 8)
        for middle in (0.22, 0.31, 0.44, 0.55, 0.66, 0.74, 0.86, 0.95)
    )
    curve = tuple(
        CurvePoint(threshold=t / 20, coverage=1.0 - t / 20, error=(1.0 - accuracy) * (1.0 - t / 20) ** 0.7)
        for t in range(20)
    )
    return Calibration(
        temperature=1.37,
        ece=0.031,
        ece_uncalibrated=0.174,
        brier=0.52,
        brier_uncalibrated=0.61,
        reliability=bins,
        risk_coverage=curve,
    )
