"""Turns the places that a command names into `BenchmarkData`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from featurizer.spec import FeatureSpec
from training.benchmark.data import BenchmarkData
from training.benchmark.read import Split, read_audio, read_embedding_files, read_features, read_pictures
from training.errors import DataError
from training.published_split import published_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the data lies: one of `features`, `images`, `audio` and `embeddings`.

    Attributes
    ----------
    features, extra_features : Path or None
        Tables of window features; the second joins training sides.
    images : Path or None
        npz or folder of pictures.
    audio : Path or None
        Folder of music.
    embeddings : tuple of Path
        npz files.
    genres : tuple of str
        Genres of the music that are read; none means all.
    split : Path or None
        CSV of a split that somebody has drawn.
    extra_weight : float
        How much a window of the second table counts in a fit.
    """

    features: Path | None = None
    extra_features: Path | None = None
    images: Path | None = None
    audio: Path | None = None
    embeddings: tuple[Path, ...] = ()
    genres: tuple[str, ...] = ()
    split: Path | None = None
    extra_weight: float = 1.0


def read_sources(sources: Sources, *, spec: FeatureSpec, say: Callable[[str], None]) -> BenchmarkData:
    """Read what there is, and say what was left out of it.

    Parameters
    ----------
    sources : Sources
        Where.
    spec : FeatureSpec
        Names the features of tables.
    say : callable
        Given one line at a time for a person.

    Raises
    ------
    DataError
        Something is missing or bad, or no source is named.
    """
    split = Split(lists=published_lists(), given=sources.split)
    if sources.features is not None:
        data = read_features(
            sources.features,
            extra=sources.extra_features,
            extra_weight=sources.extra_weight,
            spec=spec,
            split=split,
        )
    elif sources.images is not None:
        data = read_pictures(sources.images, split=split)
    elif sources.audio is not None:
        say(f"decoding {sources.audio}")
        data, bad = read_audio(sources.audio, genres=sources.genres, split=split)
        for line in bad:
            say(f"left out: {line}")
    elif sources.embeddings:
        data = read_embedding_files(sources.embeddings, split=split)
    else:
        raise DataError("there is nothing to read: name a table, pictures, music or embeddings")
    for one in data.figures:
        left_out = f", {one.n_dropped} left out (repeats, unknown genres)" if one.n_dropped else ""
        say(f"{one.role}: {one.id}: {one.n_windows} windows of {one.n_tracks} tracks{left_out}")
    return data
