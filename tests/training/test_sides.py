"""Sides hold what their protocol says: no test track is heard where none may be, and no genre is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths import DATA, needs_data
from training.sides import (
    TEST,
    TRAIN,
    UNUSED,
    NotComputable,
    Protocol,
    Sides,
    Tables,
    draw_sides,
    usable_extra,
)
from training.splits import TrackLists, read_track_lists
from training.windows import LabelledWindows

GENRES = ("blues", "jazz")
N_TRACKS, N_WINDOWS = 10, 4


def make_windows(*, first_track: int = 0, genres: tuple[str, ...] = GENRES, seed: int = 0) -> LabelledWindows:
    names = [
        f"{genre}.{number:05d}" for genre in genres for number in range(first_track, first_track + N_TRACKS)
    ]
    tracks = np.repeat(np.array(names), N_WINDOWS)
    inputs = np.random.default_rng(seed).normal(size=(len(tracks), 5)).astype(np.float32)
    labels = np.array([name.partition(".")[0] for name in tracks.tolist()])
    return LabelledWindows(inputs, labels, tracks, np.ones(len(tracks), dtype=np.float32))


def make_lists(*, test: frozenset[str] | None = None) -> TrackLists:
    def side(numbers: range) -> frozenset[str]:
        return frozenset(f"{genre}.{number:05d}" for genre in GENRES for number in numbers)

    return TrackLists(
        train=side(range(5)),
        valid=side(range(5, 7)),
        test=side(range(7, 10)) if test is None else test,
        excluded=frozenset(),
        twins=(),
        artists={},
    )


def make_tables(extra: LabelledWindows | None = None, given: NDArray[np.int8] | None = None) -> Tables:
    return Tables(own=make_windows(), extra=extra, lists=make_lists(), given=given)


def drawn(protocol: Protocol, tables: Tables, *, seed: int = 0) -> Sides:
    sides = draw_sides(protocol, tables, seed=seed)
    assert isinstance(sides, Sides)
    return sides


def test_random_windows_holds_back_three_tenths_of_each_genre_and_leaves_tracks_on_both_sides() -> None:
    sides = drawn(Protocol.RANDOM_WINDOWS, make_tables())
    assert (len(sides.fit), len(sides.test)) == (56, 24)
    assert np.unique(sides.test.genres, return_counts=True)[1].tolist() == [12, 12]
    assert set(sides.fit.track_names) & set(sides.test.track_names)


def test_grouped_by_track_leaves_no_track_on_both_sides() -> None:
    sides = drawn(Protocol.GROUPED_BY_TRACK, make_tables())
    assert len(sides.test.track_names) == 6
    assert not set(sides.fit.track_names) & set(sides.test.track_names)


@pytest.mark.parametrize("protocol", [Protocol.RANDOM_WINDOWS, Protocol.GROUPED_BY_TRACK])
def test_every_seed_draws_other_sides_and_the_same_seed_the_same(protocol: Protocol) -> None:
    one, again, other = (drawn(protocol, make_tables(), seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.test.inputs, again.test.inputs)
    assert not np.array_equal(one.test.inputs, other.test.inputs)


def test_the_fault_filtered_test_is_never_heard_and_validation_keeps_it_out_altogether() -> None:
    lists = make_lists()
    final = drawn(Protocol.FAULT_FILTERED, make_tables())
    assert frozenset(final.test.track_names) == lists.test
    assert frozenset(final.fit.track_names) == lists.train | lists.valid
    choosing = drawn(Protocol.VALIDATION, make_tables())
    assert frozenset(choosing.test.track_names) == lists.valid
    assert frozenset(choosing.fit.track_names) == lists.train


def test_a_table_without_the_listed_tracks_is_not_computable() -> None:
    tables = replace(make_tables(), own=make_windows(first_track=500))
    for protocol in (Protocol.FAULT_FILTERED, Protocol.VALIDATION):
        found = draw_sides(protocol, tables, seed=0)
        assert isinstance(found, NotComputable)
        assert "published split" in found.reason


def test_a_genre_that_one_side_lacks_is_named_instead_of_measured() -> None:
    lists = make_lists()
    no_jazz = frozenset(track for track in lists.test if not track.startswith("jazz"))
    found = draw_sides(
        Protocol.FAULT_FILTERED, replace(make_tables(), lists=make_lists(test=no_jazz)), seed=0
    )
    assert found == NotComputable("the test side (12 windows) lacks 1 of 2 genres: jazz")


def test_a_given_split_may_cut_through_tracks_and_leave_windows_out() -> None:
    given = np.tile(np.array([TRAIN, TRAIN, TEST, UNUSED], dtype=np.int8), 20)
    sides = drawn(Protocol.GIVEN, make_tables(given=given))
    assert (len(sides.fit), len(sides.test)) == (40, 20)
    assert isinstance(draw_sides(Protocol.GIVEN, make_tables(), seed=0), NotComputable)


def test_the_extra_table_joins_the_training_side_only_and_without_copies_of_test_tracks() -> None:
    own = make_windows()
    extra = make_windows(first_track=100, seed=1)
    copied = extra.inputs.copy()
    copied[5] = own.of_tracks(frozenset({"jazz.00008"})).inputs[2]  # of blues.00101
    extra = LabelledWindows(copied, extra.genres, extra.tracks, extra.weights * 0.25)
    # Five random features are closer to one another than music's 57: only what is equal is a copy here.
    sides = drawn(Protocol.FAULT_FILTERED, replace(make_tables(extra), copy_distance=1e-3))
    assert len(sides.test) == 24
    heard = set(sides.fit.track_names)
    assert "blues.00101" not in heard
    assert {"blues.00100", "jazz.00109"} <= heard
    assert set(np.unique(sides.fit.weights).tolist()) == {0.25, 1.0}


def test_an_extra_table_loses_unknown_genres_and_repeats() -> None:
    extra = make_windows(genres=("blues", "soul"))
    twice = extra.rows(np.r_[np.arange(len(extra)), 0, 1])
    usable = usable_extra(twice, genres=GENRES, weight=0.5)
    assert (len(usable), set(usable.genres.tolist())) == (40, {"blues"})
    assert np.all(usable.weights == 0.5)
    assert len(usable_extra(make_windows(genres=("soul",)), genres=GENRES, weight=0.5)) == 0


@needs_data
def test_the_lists_that_torchaudio_carries_are_the_published_ones() -> None:
    from training.published_split import published_lists  # noqa: PLC0415 - torchaudio takes seconds to load

    published, carried = read_track_lists(DATA / "gtzan_split"), published_lists()
    assert (carried.train, carried.valid, carried.test) == (published.train, published.valid, published.test)
    assert [len(side) for side in (carried.train, carried.valid, carried.test)] == [443, 197, 290]
    # Nothing is left to exclude: the lists hold none of the faulty tracks and no twin of a test track.
    assert not published.excluded & (carried.train | carried.valid | carried.test)
    assert not published.twins_of(carried.test) & (carried.train | carried.valid)
