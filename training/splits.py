"""Turns published track lists into training and test sides that share no track, copy or artist."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError
from training.windows import LabelledWindows

_TRACK = re.compile(r"[a-z]+\.\d{5}")
_ARTIST = re.compile(r"^([a-z]+\.\d{5})\.wav ::: (.*?) :::")
NEAR_COPY_DISTANCE = 1.0
"""Standard deviations between two windows' features. In GTZAN exact copies of an excerpt lie at 0, re-encoded
ones at 0.2 to 1, and the nearest windows of two different recordings (one metal album) at 1.27."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackLists:
    """The fault-filtered, artist-disjoint split of GTZAN (Kereliuk, Sturm and Larsen 2015).

    Attributes
    ----------
    train, valid, test, excluded : frozenset of str
        Names of tracks. `excluded` are replicas, mislabelled and distorted ones: on no side.
    twins : tuple of (str, str)
        Pairs of tracks that are the same excerpt or the same recording.
    artists : Mapping of str to str
        Artist of each track where it is known.
    """

    train: frozenset[str]
    valid: frozenset[str]
    test: frozenset[str]
    excluded: frozenset[str]
    twins: tuple[tuple[str, str], ...]
    artists: Mapping[str, str]

    def fitting_tracks(self) -> frozenset[str]:
        """Name what a released model may be fitted on: train and valid without a test track's twin."""
        return (self.train | self.valid) - self.test - self.excluded - self.twins_of(self.test)

    def twins_of(self, tracks: frozenset[str]) -> frozenset[str]:
        """Name the tracks outside `tracks` that are the same recording as one inside."""
        partners = {a for a, b in self.twins if b in tracks} | {b for a, b in self.twins if a in tracks}
        return frozenset(partners - tracks)


def read_track_lists(folder: Path) -> TrackLists:
    """Read the lists of a split.

    Parameters
    ----------
    folder : Path
        Holds `{train,valid,test}_filtered.txt`, `excluded_70.txt`, `same_recording_pairs_shazam.tsv` and
        `GTZANindex.txt`.

    Raises
    ------
    DataError
        A list is missing or names no track, or a track is on two sides.
    """
    train, valid, test, excluded = (
        frozenset(_TRACK.findall(_read(folder / name)))
        for name in ("train_filtered.txt", "valid_filtered.txt", "test_filtered.txt", "excluded_70.txt")
    )
    for side, tracks in (("train", train), ("valid", valid), ("test", test)):
        if not tracks:
            raise DataError(f"a list of the split names no track, folder={folder} list={side}_filtered.txt")
    both = sorted((train & valid) | (train & test) | (valid & test))
    if both:
        raise DataError(f"a track is on two sides of the split, folder={folder} track={both[0]}")
    pairs = (
        _TRACK.findall(line)[:2] for line in _read(folder / "same_recording_pairs_shazam.tsv").splitlines()
    )
    index = _read(folder / "GTZANindex.txt").splitlines()
    found = (_ARTIST.match(line) for line in index)
    return TrackLists(
        train=train,
        valid=valid,
        test=test,
        excluded=excluded,
        twins=tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2),
        artists={match[1]: match[2].strip().casefold() for match in found if match is not None},
    )


def near_copies(table: LabelledWindows, *, of: LabelledWindows, closer_than: float) -> frozenset[str]:
    """Find the tracks with a window that is almost a window of another table.

    It finds copies whose windows begin at the same place; one that begins elsewhere is a different window.

    Parameters
    ----------
    table : LabelledWindows
        Tracks to search.
    of : LabelledWindows
        Tracks that may have been copied.
    closer_than : float
        Euclidean distance in standard deviations of `of`'s features.
    """
    mean, scale = of.inputs.mean(axis=0), np.maximum(of.inputs.std(axis=0), 1e-12)
    known = (of.inputs - mean) / scale
    asked = (table.inputs - mean) / scale
    squares = (known**2).sum(axis=1)
    near: set[str] = set()
    for start in range(0, len(asked), 1_024):
        block = asked[start : start + 1_024]
        distances = (block**2).sum(axis=1)[:, None] + squares - 2.0 * block @ known.T
        # The expanded square loses digits far from the mean: what looks near is measured again.
        for row, column in np.argwhere(distances < (2.0 * closer_than) ** 2):
            if np.linalg.norm(block[row] - known[column]) < closer_than:
                near.add(str(table.tracks[start + row]))
    return frozenset(near)


def artist_folds(tracks: Iterable[str], *, lists: TrackLists, n_folds: int) -> list[frozenset[str]]:
    """Divide tracks into folds that share no artist and no recording, about equal in size for every genre.

    Tracks of a genre whose artist is unknown stay together, since they may share one.

    Parameters
    ----------
    tracks : iterable of str
        Names that begin with `genre.`.
    lists : TrackLists
        Gives artists and twins.
    n_folds : int
        At least 2.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for track in sorted(tracks):
        groups[lists.artists.get(track, f"unknown {_genre(track)}")].append(track)
    genres = sorted({_genre(track) for members in groups.values() for track in members})
    load = np.zeros((n_folds, len(genres)))
    folds: list[set[str]] = [set() for _ in range(n_folds)]
    # Largest first, each to the fold whose genres it overfills least; of equal ones to the emptiest.
    for _, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        extra = np.array([sum(_genre(track) == genre for track in members) for genre in genres])
        overfill = ((load + extra) ** 2 - load**2).sum(axis=1)
        fold = int(np.lexsort((load.sum(axis=1), overfill))[0])
        load[fold] += extra
        folds[fold].update(members)
    return [
        frozenset(fold - lists.twins_of(frozenset().union(*folds[:index])))
        for index, fold in enumerate(folds)
    ]


def random_windows(
    table: LabelledWindows, *, rng: np.random.Generator, test_share: float
) -> NDArray[np.bool_]:
    """Draw test windows at random within each genre: the usual protocol, which leaks.

    Returns
    -------
    ndarray, shape (n,), bool
        True for a test window.
    """
    is_test = np.zeros(len(table), dtype=bool)
    for genre in np.unique(table.genres):
        rows = rng.permutation(np.flatnonzero(table.genres == genre))
        is_test[rows[: round(test_share * len(rows))]] = True
    return is_test


def random_tracks(
    table: LabelledWindows, *, rng: np.random.Generator, test_share: float
) -> NDArray[np.bool_]:
    """Draw test tracks at random within each genre, with all their windows.

    Returns
    -------
    ndarray, shape (n,), bool
        True for a window of a test track.
    """
    chosen: list[str] = []
    for genre in np.unique(table.genres):
        names = rng.permutation(np.unique(table.tracks[table.genres == genre]))
        chosen.extend(names[: round(test_share * len(names))].tolist())
    return np.asarray(np.isin(table.tracks, chosen))


def _genre(track: str) -> str:
    return track.partition(".")[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise DataError(f"a list of the split cannot be read, path={path}") from exc
