"""Turns what was found in a table into one frozen, validated `Exploration`, which is also its JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GenreCount(_Part):
    """How much of a genre there is."""

    genre: str
    windows: int
    tracks: int


class FeatureFigures(_Part):
    """One column.

    Attributes
    ----------
    feature : str
        Its name.
    mean, sd, minimum, median, maximum : float
        In the feature's own unit.
    skew : float
        Third standardised moment; 0 where the column is constant.
    outliers : float
        Share of windows further than 1.5 interquartile ranges outside the quartiles.
    log_worthy : bool
        Whether all values are positive and the logarithm halves a skew above 1.
    constant : bool
        Whether it has one value only.
    between_genres : float
        Share of the variance that lies between the genres' means (eta squared).
    """

    feature: str
    mean: float
    sd: float
    minimum: float
    median: float
    maximum: float
    skew: float
    outliers: Share
    log_worthy: bool
    constant: bool
    between_genres: Share


class CorrelatedPair(_Part):
    """Two columns and Pearson's correlation of their values."""

    first: str
    second: str
    correlation: float = Field(ge=-1.0, le=1.0)


class Repeat(_Part):
    """Tracks that have windows with exactly the same features.

    Attributes
    ----------
    tracks, genres : tuple of str
        Each once; one track only where it repeats itself.
    groups : int
        Distinct windows that they share.
    windows : int
        Windows that hold them, together.
    """

    tracks: tuple[str, ...]
    genres: tuple[str, ...]
    groups: int = Field(ge=1)
    windows: int = Field(ge=2)


class Repeats(_Part):
    """All exact repeats.

    Attributes
    ----------
    groups : int
        Distinct windows that are there more than once.
    superfluous : int
        Windows that would go if one of each group stayed.
    across_tracks, two_labels : int
        Groups over more than one track, and over more than one label.
    examples : tuple of Repeat
        Those with two labels first, then the largest; at most 30.
    """

    groups: int
    superfluous: int
    across_tracks: int
    two_labels: int
    examples: tuple[Repeat, ...]


class NearCopy(_Part):
    """Two tracks with windows that are almost the same.

    Attributes
    ----------
    first, second : str
        Tracks.
    first_genre, second_genre : str
        Their labels.
    windows : int
        Pairs of such windows.
    distance : float
        Of the closest pair, in standard deviations (Euclidean over all features).
    """

    first: str
    second: str
    first_genre: str
    second_genre: str
    windows: int
    distance: float


class Shift(_Part):
    """How far a column of the extra table is from the own table's.

    Attributes
    ----------
    feature : str
        Its name.
    overall : float
        Extra mean minus own mean, in pooled standard deviations.
    within_genres : float or None
        The same within each genre that both have, then averaged.
    """

    feature: str
    overall: float
    within_genres: float | None


class ExtraFigures(_Part):
    """The extra table beside the own one.

    Attributes
    ----------
    id : str
        Name and start of the SHA-256.
    windows, tracks : int
        What is in it.
    genres : tuple of GenreCount
        By name.
    shifts : tuple of Shift
        In the features' order.
    near_copies : tuple of NearCopy
        Tracks of the own table (first) with almost the same window in the extra one (second).
    """

    id: str
    windows: int
    tracks: int
    genres: tuple[GenreCount, ...]
    shifts: tuple[Shift, ...]
    near_copies: tuple[NearCopy, ...]


class Exploration(_Part):
    """Everything that was found.

    Attributes
    ----------
    id : str
        The table's name and the start of its SHA-256.
    windows, tracks : int
        What is in it.
    genres : tuple of GenreCount
        By name.
    windows_per_track : dict
        Number of tracks by their number of windows.
    features : tuple of FeatureFigures
        In the features' order.
    correlated : tuple of CorrelatedPair
        The strongest, at most 20.
    repeats : Repeats
        Exact repeats.
    near_copies : tuple of NearCopy
        Between different tracks, closest first.
    explained : tuple of float
        Shares of the variance along the first two principal axes.
    extra : ExtraFigures or None
        Where an extra table was given.
    """

    id: str
    windows: int
    tracks: int
    genres: tuple[GenreCount, ...]
    windows_per_track: dict[int, int]
    features: tuple[FeatureFigures, ...]
    correlated: tuple[CorrelatedPair, ...]
    repeats: Repeats
    near_copies: tuple[NearCopy, ...]
    explained: tuple[Share, Share]
    extra: ExtraFigures | None = None
