"""Names what a dry run reports: how the labels of a catalogue would change under another model."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from consumer.replay.plan import Terms

REPORT_VERSION: Final = 1
"""Additions do not raise it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Part):
    """How many tracks there were of what kind.

    Attributes
    ----------
    judged : int
        Tracks that the model labelled or abstained from: those compared, without a label and newer elsewhere.
    compared : int
        Those whose current label the new one would replace; shares and matrix are about them.
    changed : int
        Those of them whose genre would be another, an abstention counting as one.
    without_label : int
        Tracks that have no label yet.
    newer_elsewhere : int
        Tracks whose current label is of an upload after the range's: it would stay.
    failed : int
        Uploads that cannot be labelled; their labels stay.
    current_labels : int
        Tracks that have a label now, in the range or not.
    """

    judged: int
    compared: int
    changed: int
    without_label: int
    newer_elsewhere: int
    failed: int
    current_labels: int


class Move(_Part):
    """How many tracks go from one genre to another; null is an abstention."""

    before: str | None
    after: str | None
    tracks: int


class GenreCount(_Part):
    """How many tracks of one genre there are; null is an abstention."""

    genre: str | None
    tracks: int


class ReasonCount(_Part):
    """How many there are for one reason."""

    reason: str
    count: int


class ModelCount(_Part):
    """How many of the compared tracks one model labelled."""

    model: str
    version: str
    tracks: int


class Spread(_Part):
    """How numbers are spread; the bins of `histogram` divide `low` to `high` evenly."""

    mean: float
    p05: float
    p25: float
    median: float
    p75: float
    p95: float
    low: float
    high: float
    histogram: tuple[int, ...]


class Confidence(_Part):
    """The compared tracks' confidence; `shift` is what each would gain."""

    before: Spread
    after: Spread
    shift: Spread


class Abstentions(_Part):
    """Compared tracks that the model abstains from: `begun` had a genre, `ended` get one."""

    before: int
    after: int
    begun: int
    ended: int


class Declared(_Part):
    """Compared tracks whose declared genre both models can be held to, and how many agree with it."""

    tracks: int
    agreed_before: int
    agree_after: int


class Side(_Part):
    """What one model says about one track."""

    genre: str | None
    confidence: float
    model: str
    version: str


class ChangedTrack(_Part):
    """A track whose label would change; `distance` is the total variation of the two distributions."""

    track_id: str
    uploaded_at: datetime
    distance: float
    before: Side
    after: Side


class ChurnReport(_Part):
    """What would change, were the range relabelled.

    Attributes
    ----------
    made_at : datetime
        When.
    finished : bool
        Whether the whole range was judged; otherwise all of this is about what was before the stop.
    terms : Terms
        Source, bounds and model.
    share_changed : float or None
        Of the compared tracks; null where there are none.
    before_models : tuple of ModelCount
        Whose labels would be replaced.
    matrix : tuple of Move
        Most tracks first, those that do not move among them.
    most_changed : tuple of ChangedTrack
        Greatest distance first, of tracks whose genre changes.
    without_label : tuple of GenreCount
        What tracks without a label yet would get.
    failures : tuple of ReasonCount
        Why uploads cannot be labelled.
    left_out : tuple of ReasonCount
        Records of the range that are no track to be judged, `superseded` above all.
    """

    report_version: int = REPORT_VERSION
    made_at: datetime
    finished: bool
    terms: Terms
    counts: Counts
    share_changed: float | None
    before_models: tuple[ModelCount, ...]
    matrix: tuple[Move, ...]
    confidence: Confidence | None
    abstentions: Abstentions
    declared: Declared
    most_changed: tuple[ChangedTrack, ...]
    without_label: tuple[GenreCount, ...]
    failures: tuple[ReasonCount, ...]
    left_out: tuple[ReasonCount, ...]
