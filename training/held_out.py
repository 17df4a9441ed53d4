"""Turns the scores of tracks that a model has not heard into a file beside it, and that file back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modelzoo.publish import HELD_OUT_FILE
from training.errors import DataError
from training.evaluate import TrackScores

_DIGITS = 5
"""Of a probability in the file: far below what a hundred tracks can tell apart."""

Row = tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]


class HeldOut(BaseModel):
    """What models that had not heard a track's artist said about it, over the fitting tracks.

    Attributes
    ----------
    sha256 : str
        Of the `model.onnx` that was fitted in the same way to all of these tracks.
    genres : tuple of str
        Columns of the probabilities.
    folds : int
        Number of folds of artists; a track is scored by the model of the others.
    seeds : tuple of int
        One fit of every fold each.
    recipe : dict
        How the model was fitted, as names and numbers or words.
    tracks, artists, truth : tuple of str
        Name, artist and true genre of each track. Artists who are unknown are one a genre: they may be one.
    probabilities : tuple, shape (n_seeds, n_tracks, n_genres)
        Soft votes, not calibrated: each in [0, 1], each track's summing to 1.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sha256: str
    genres: tuple[str, ...] = Field(min_length=2)
    folds: int = Field(ge=2)
    seeds: tuple[int, ...] = Field(min_length=1)
    recipe: dict[str, str | float]
    tracks: tuple[str, ...] = Field(min_length=1)
    artists: tuple[str, ...]
    truth: tuple[str, ...]
    probabilities: tuple[tuple[Row, ...], ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        n_tracks = len(self.tracks)
        if len(set(self.tracks)) != n_tracks or {len(self.artists), len(self.truth)} != {n_tracks}:
            raise ValueError("tracks, artists and truth must be of one length, no track twice")
        if not set(self.truth) <= set(self.genres):
            raise ValueError("truth must hold the genres' names")
        if len(self.probabilities) != len(self.seeds) or any(
            len(rows) != n_tracks or any(len(row) != len(self.genres) for row in rows)
            for rows in self.probabilities
        ):
            raise ValueError("probabilities must be of shape (seeds, tracks, genres)")
        if np.abs(self.votes.sum(axis=2) - 1.0).max() > 1e-3:
            raise ValueError("the probabilities of a track must sum to 1")
        return self

    @property
    def votes(self) -> NDArray[np.float64]:
        """Soft votes, shape (n_seeds, n_tracks, n_genres), float64."""
        return np.array(self.probabilities, dtype=np.float64)

    @property
    def targets(self) -> NDArray[np.int64]:
        """True genre of each track as its place among the genres, shape (n_tracks,), int64."""
        place = {genre: index for index, genre in enumerate(self.genres)}
        return np.array([place[genre] for genre in self.truth], dtype=np.int64)


def held_out_text(
    runs: Sequence[TrackScores],
    *,
    sha256: str,
    genres: Sequence[str],
    artists: Mapping[str, str],
    folds: int,
    seeds: Sequence[int],
    recipe: Mapping[str, str | float],
) -> str:
    """Write what was found on folds of artists as JSON.

    Parameters
    ----------
    runs : sequence of TrackScores
        One a seed, all of the same tracks in the same order.
    sha256 : str
        Of the model's graph.
    genres : sequence of str
        Columns of the scores.
    artists : Mapping of str to str
        Artist of each track where it is known.
    folds, seeds, recipe
        As in `HeldOut`.
    """
    tracks, truth = runs[0].tracks, [genres[target] for target in runs[0].targets]
    held_out = HeldOut(
        sha256=sha256,
        genres=tuple(genres),
        folds=folds,
        seeds=tuple(seeds),
        recipe=dict(recipe),
        tracks=tracks,
        artists=tuple(
            artists.get(track, f"unknown {genre}") for track, genre in zip(tracks, truth, strict=True)
        ),
        truth=tuple(truth),
        probabilities=tuple(
            tuple(tuple(row) for row in np.round(run.pooled, _DIGITS).tolist()) for run in runs
        ),
    )
    return held_out.model_dump_json() + "\n"


def read_held_out(folder: Path) -> HeldOut:
    """Read the held-out scores that lie beside a model.

    Raises
    ------
    DataError
        There are none, or the file is not valid.
    """
    path = folder / HELD_OUT_FILE
    try:
        return HeldOut.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise DataError(
            f"the model has no held-out scores to compare, path={path}: make it again with this release"
        ) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:3]) or "the whole file"
        raise DataError(f"the held-out scores are not valid, path={path} at={where}: {first['msg']}") from exc
