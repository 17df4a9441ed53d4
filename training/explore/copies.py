"""Turns tables into the windows that are there twice: exactly, or almost, under another track's name."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.explore.findings import NearCopy, Repeat, Repeats
from training.splits import NEAR_COPY_DISTANCE
from training.windows import LabelledWindows

MOST_EXAMPLES: Final = 30
_BLOCK: Final = 512
"""Windows that are compared with all others at once: 22,050 of them make 45 MB of distances."""


def find_repeats(table: LabelledWindows) -> Repeats:
    """Find windows whose features are all exactly equal."""
    _, group, sizes = np.unique(table.inputs, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(sizes)
    # Two tracks that are copies repeat one another in many windows: one line is enough for them.
    by_tracks: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = defaultdict(list)
    for number in np.flatnonzero(sizes > 1):
        rows = order[ends[number] - sizes[number] : ends[number]]
        tracks, genres = np.unique(table.tracks[rows]).tolist(), np.unique(table.genres[rows]).tolist()
        by_tracks[tuple(tracks), tuple(genres)].append(len(rows))
    found = [
        Repeat(tracks=tracks, genres=genres, groups=len(counts), windows=sum(counts))
        for (tracks, genres), counts in by_tracks.items()
    ]
    found.sort(key=lambda one: (-len(one.genres), -one.windows, one.tracks))
    return Repeats(
        groups=sum(one.groups for one in found),
        superfluous=sum(one.windows - one.groups for one in found),
        across_tracks=sum(one.groups for one in found if len(one.tracks) > 1),
        two_labels=sum(one.groups for one in found if len(one.genres) > 1),
        examples=tuple(found[:MOST_EXAMPLES]),
    )


def find_near_copies(
    table: LabelledWindows, *, of: LabelledWindows | None = None, closer_than: float = NEAR_COPY_DISTANCE
) -> tuple[NearCopy, ...]:
    """Find pairs of different tracks with windows that are almost the same.

    It finds copies whose windows begin at the same place; one that begins elsewhere is a different window.

    Parameters
    ----------
    table : LabelledWindows
        The first of each pair.
    of : LabelledWindows, optional
        The second; without it pairs are looked for within `table`, and each is found once.
    closer_than : float, optional
        Euclidean distance in standard deviations of `table`'s features.

    Returns
    -------
    tuple of NearCopy
        Closest first.
    """
    other = table if of is None else of
    mean, scale = table.inputs.mean(axis=0), np.maximum(table.inputs.std(axis=0), 1e-12)
    asked, known = (table.inputs - mean) / scale, (other.inputs - mean) / scale
    first_names, first = np.unique(table.tracks, return_inverse=True)
    second_names, second = np.unique(other.tracks, return_inverse=True)
    pairs: dict[tuple[int, int], tuple[int, float]] = {}
    for start in range(0, len(asked), _BLOCK):
        skipped = start if of is None else 0
        rows, columns, distances = _close(
            asked[start : start + _BLOCK], known[skipped:], closer_than=closer_than
        )
        rows, columns = rows + start, columns + skipped
        # Within one table each pair is met from both ends: the later window is looked for from the earlier.
        keep = (columns > rows) & (first[rows] != second[columns]) if of is None else rows >= 0
        for row, column, distance in zip(rows[keep], columns[keep], distances[keep], strict=True):
            key = int(first[row]), int(second[column])
            n, closest = pairs.get(key, (0, np.inf))
            pairs[key] = n + 1, min(closest, float(distance))
    first_labels = dict(zip(table.tracks.tolist(), table.genres.tolist(), strict=True))
    second_labels = dict(zip(other.tracks.tolist(), other.genres.tolist(), strict=True))
    found = [
        NearCopy(
            first=str(first_names[a]),
            second=str(second_names[b]),
            first_genre=first_labels[str(first_names[a])],
            second_genre=second_labels[str(second_names[b])],
            windows=n,
            distance=closest,
        )
        for (a, b), (n, closest) in pairs.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.distance, one.first, one.second)))


def _close(
    block: NDArray[np.float32], known: NDArray[np.float32], *, closer_than: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    squares = (block**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2.0 * block @ known.T
    rows, columns = np.nonzero(squares < (2.0 * closer_than) ** 2)
    # The expanded square loses digits far from the mean: what looks near is measured again.
    distances = np.linalg.norm(block[rows].astype(np.float64) - known[columns], axis=1)
    near = distances < closer_than
    return rows[near], columns[near], distances[near]
