"""Turns a seed into a small table of windows in which copies, constants and correlations are planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from training.windows import LabelledWindows

GENRES = ("blues", "jazz", "rock")
NAMES = GTZAN57.feature_names
N_TRACKS, N_WINDOWS = 5, 4


def windows(values: NDArray[np.float64], *, tracks: list[str]) -> LabelledWindows:
    """Make windows; a track's genre is what stands before its dot."""
    genres = np.array([track.partition(".")[0] for track in tracks])
    inputs = np.asarray(values, dtype=np.float32)
    return LabelledWindows(inputs, genres, np.array(tracks), np.ones(len(tracks), dtype=np.float32))


def frame(*, seed: int = 0, genres: tuple[str, ...] = GENRES, first_track: int = 0) -> pd.DataFrame:
    """Make a table of unlike windows, as `read_feature_table` takes it."""
    rng = np.random.default_rng(seed)
    rows = []
    for place, genre in enumerate(genres):
        for track in range(first_track, first_track + N_TRACKS):
            for window in range(N_WINDOWS):
                values = rng.normal(loc=10.0 + place, size=GTZAN57.width)
                named = dict(zip(NAMES, values, strict=True))
                rows.append({"filename": f"{genre}.{track:05d}.{window}.wav", **named, "label": genre})
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write it as CSV."""
    table.to_csv(path, index=False)
    return path


def copy_window(table: pd.DataFrame, *, source: int, to: int) -> None:
    """Plant an exact copy of a window's features under another's name."""
    for name in NAMES:
        table.loc[to, name] = table[name].iloc[source]
