"""Turns a seed into made-up windows whose genres lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.windows import LabelledWindows

GENRES = ("blues", "jazz", "rock")
WIDTH = 6
NAMES = ("rms_mean", "rms_var", "tempo", "mfcc1_mean", "mfcc1_var", "mfcc2_mean")


def make_windows(
    *, seed: int = 0, n_tracks: int = 8, n_windows: int = 5, width: int = WIDTH
) -> LabelledWindows:
    """Draw tracks of each genre: positive columns whose size differs by genre, the last of pure noise."""
    rng = np.random.default_rng(seed)
    genres = np.repeat(GENRES, n_tracks * n_windows)
    tracks = np.array([f"{genre}.{place // n_windows:05d}" for place, genre in enumerate(genres.tolist())])
    middle = np.repeat(np.arange(len(GENRES)), n_tracks * n_windows)[:, None] * 1.5
    rows = rng.lognormal(mean=0.0, sigma=0.5, size=(len(genres), width)) * np.exp(middle)
    rows[:, -1] = rng.lognormal(size=len(genres))
    return LabelledWindows(rows.astype(np.float32), genres, tracks, np.ones(len(genres), dtype=np.float32))


def extreme_rows(*, seed: int = 0, n: int = 200, width: int = WIDTH) -> NDArray[np.float32]:
    """Draw rows of any size: silence, clicks, values of the wrong sign."""
    rng = np.random.default_rng(seed)
    rows = rng.lognormal(mean=1.0, sigma=2.0, size=(n, width))
    return np.asarray(
        rows * rng.choice([-1.0, 0.0, 1.0, 1e-12, 1e6, 1e30], size=rows.shape), dtype=np.float32
    )
