"""Turns a protocol's name and the tables into what a model is fitted on and what it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.splits import NEAR_COPY_DISTANCE, TrackLists, near_copies, random_tracks, random_windows
from training.windows import LabelledWindows, join, without_repeats

TEST_SHARE = 0.3
"""Of each genre's windows (or tracks), where a protocol draws its sides."""

EXTRA_COLLECTION = "extra/"
"""Before the names of the extra table's tracks, so that they never meet the own table's."""


class Protocol(StrEnum):
    """How windows come to be fitted on or measured on.

    Attributes
    ----------
    RANDOM_WINDOWS
        30% of each genre's windows are measured, drawn anew for each seed. Windows of one track are on both
        sides: it leaks.
    GROUPED_BY_TRACK
        30% of each genre's tracks, drawn anew for each seed. An artist may be on both sides.
    FAULT_FILTERED
        The published lists that share no artist: train and valid are fitted on, test is measured.
    VALIDATION
        The same lists' train is fitted on and valid is measured: choices are made here.
    GIVEN
        Sides that the person who runs it has drawn.
    """

    RANDOM_WINDOWS = "random_windows"
    GROUPED_BY_TRACK = "grouped_by_track"
    FAULT_FILTERED = "fault_filtered"
    VALIDATION = "validation"
    GIVEN = "given"

    @property
    def is_drawn(self) -> bool:
        """Whether every seed has sides of its own."""
        return self in {Protocol.RANDOM_WINDOWS, Protocol.GROUPED_BY_TRACK}


@dataclass(frozen=True, slots=True)
class Sides:
    """What a model is fitted on, and what it is measured on."""

    fit: LabelledWindows
    test: LabelledWindows


@dataclass(frozen=True, slots=True)
class NotComputable:
    """Why a protocol gives no figure.

    Attributes
    ----------
    reason : str
        One line with the numbers behind it.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What sides are drawn from.

    Attributes
    ----------
    own : LabelledWindows
        The table that is measured on.
    extra : LabelledWindows or None
        Joins the training side only; its genres are the own table's. See `usable_extra`. None where the own
        table is fitted on alone.
    lists : TrackLists
        The published split.
    given : ndarray, shape (len(own),), int8, or None
        Side of each own window: one of `UNUSED`, `TRAIN`, `TEST`.
    copy_distance : float or None
        Distance below which a window of the extra table is a copy of a test window, in standard deviations
        of the features; None where nothing is searched.
    """

    own: LabelledWindows
    extra: LabelledWindows | None
    lists: TrackLists
    given: NDArray[np.int8] | None = None
    copy_distance: float | None = NEAR_COPY_DISTANCE


UNUSED, TRAIN, TEST = 0, 1, 2
"""Sides of `Tables.given`."""


def usable_extra(extra: LabelledWindows, *, genres: tuple[str, ...], weight: float) -> LabelledWindows:
    """Keep an extra table's windows of known genres, each once, and weigh them.

    Parameters
    ----------
    extra : LabelledWindows
        The table as it was read.
    genres : tuple of str
        Genres of the own table: what is neither of them nor tells them apart is of no use.
    weight : float
        How much a window counts in a fit, where one of the own table counts 1.
    """
    known = extra.rows(np.isin(extra.genres, genres))
    return (without_repeats(known) if len(known) else known).weighing(weight)


def draw_sides(protocol: Protocol, tables: Tables, *, seed: int) -> Sides | NotComputable:
    """Draw the sides of one protocol.

    Parameters
    ----------
    protocol : Protocol
        How.
    tables : Tables
        From what. The extra table joins the training side, without its copies of test tracks.
    seed : int
        Seeds the protocols that draw; the others give the same sides for every seed.

    Returns
    -------
    Sides or NotComputable
        The latter where a side lacks a genre.
    """
    sides = _own_sides(protocol, tables, seed=seed)
    if isinstance(sides, NotComputable):
        return sides
    lacking = _lacking(sides, genres=np.unique(tables.own.genres))
    if lacking is not None:
        return lacking
    if tables.extra is None or not len(tables.extra):
        return sides
    copies: frozenset[str] = frozenset()
    if tables.copy_distance is not None:
        copies = near_copies(tables.extra, of=sides.test, closer_than=tables.copy_distance)
    return Sides(join([sides.fit, tables.extra.without_tracks(copies)]), sides.test)


def _own_sides(protocol: Protocol, tables: Tables, *, seed: int) -> Sides | NotComputable:
    own, lists = tables.own, tables.lists
    if protocol.is_drawn:
        draw = random_windows if protocol is Protocol.RANDOM_WINDOWS else random_tracks
        is_test = draw(own, rng=np.random.default_rng(seed), test_share=TEST_SHARE)
        return Sides(own.rows(~is_test), own.rows(is_test))
    if protocol is Protocol.GIVEN:
        if tables.given is None:
            return NotComputable("no split was given")
        return Sides(own.rows(tables.given == TRAIN), own.rows(tables.given == TEST))
    asked = lists.test if protocol is Protocol.FAULT_FILTERED else lists.valid
    heard = lists.fitting_tracks() - (lists.valid if protocol is Protocol.VALIDATION else frozenset())
    if not np.isin(own.tracks, sorted(asked)).any():
        return NotComputable("the table holds no track of the published split's side that is measured")
    return Sides(own.of_tracks(heard), own.of_tracks(asked))


def _lacking(sides: Sides, *, genres: NDArray[np.str_]) -> NotComputable | None:
    for name, side in (("training", sides.fit), ("test", sides.test)):
        lacking = [str(genre) for genre in np.setdiff1d(genres, side.genres)]
        if lacking:
            return NotComputable(
                f"the {name} side ({len(side)} windows) lacks {len(lacking)} of {len(genres)} genres: "
                + ", ".join(lacking)
            )
    return None
