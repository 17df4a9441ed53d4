from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.jobs import TopicPartition
from consumer.replay.newest import Chosen, NewestPerTrack, Places, Rank

TRACKS = st.sampled_from([*(f"track {number}" for number in range(8)), "", "trück/\U0001f3b5", "\ud800"])
NUMBERS = st.integers(-(2**63), 2**63 - 1)


def _oracle(records: list[tuple[str, Rank]]) -> list[int]:
    newest: dict[str, tuple[Rank, int]] = {}
    for place, (track_id, rank) in enumerate(records):
        if track_id not in newest or newest[track_id][0] <= rank:  # type: ignore[operator]  # one type a test
            newest[track_id] = (rank, place)
    return sorted(place for _, place in newest.values())


def _found(records: list[tuple[str, Rank]], *, chunk: int) -> list[int]:
    newest = NewestPerTrack(chunk=chunk)
    for place, (track_id, rank) in enumerate(records):
        newest.add(track_id, rank, place)
    return [int(place) for place in newest.places()]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(TRACKS, st.tuples(NUMBERS | st.integers(-2, 2), st.integers(-1, 1)))),
    st.integers(1, 9),
)
def test_the_greatest_rank_of_each_track_is_found_in_whatever_order_it_comes(
    records: list[tuple[str, Rank]], chunk: int
) -> None:
    assert _found(records, chunk=chunk) == _oracle(records)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TRACKS, st.binary(min_size=11, max_size=11))), st.integers(1, 9))
def test_ranks_of_bytes_compare_byte_by_byte(records: list[tuple[str, Rank]], chunk: int) -> None:
    assert _found(records, chunk=chunk) == _oracle(records)


def test_many_records_of_half_as_many_tracks_leave_one_place_a_track() -> None:
    newest, rng = NewestPerTrack(chunk=1 << 14), np.random.default_rng(0)
    numbers = rng.integers(0, 50_000, size=100_000).tolist()
    last = {}
    for place, number in enumerate(numbers):
        newest.add(str(number), (0,), place)
        last[number] = place
    assert newest.places().tolist() == sorted(last.values())
    assert len(newest) == len(last)


def test_places_may_be_asked_for_in_between() -> None:
    newest = NewestPerTrack()
    newest.add("a", (1,), 7)
    assert newest.places().tolist() == [7]
    newest.add("a", (2,), 3)
    assert newest.places().tolist() == [3]


def test_nothing_has_no_newest() -> None:
    assert NewestPerTrack().places().tolist() == []


def test_a_rank_of_another_length_and_numbers_out_of_range_are_refused() -> None:
    newest = NewestPerTrack()
    newest.add("a", (1,), 0)
    for rank, place in (((1, 2), 0), ((2**63,), 0), ((1,), -1), ((1,), 2**63), (bytes(8), 0), (b"1", 0)):
        with pytest.raises(ValueError, match=r"out of range|not a rank"):
            newest.add("a", rank, place)
    assert newest.places().tolist() == [0]


def test_a_place_tells_partitions_offsets_and_events_apart() -> None:
    partitions = [TopicPartition("uploads", number) for number in range(3)]
    places = Places(dict.fromkeys(partitions, 100))
    found = [
        places.place(partition, offset, event_index=event)
        for partition in partitions
        for offset in (100, 101, 2**39)
        for event in (0, 4_095)
    ]
    assert found == sorted(set(found))
    assert found[0] >= 0
    assert max(found) < 2**63
    for offset, event in ((99, 0), (100, 4_096), (100 + 2**40, 0)):
        with pytest.raises(ValueError, match="no such place"):
            places.place(partitions[0], offset, event_index=event)


def test_what_was_chosen_is_known_again() -> None:
    chosen = Chosen(np.array([3, 5, 2**62], np.int64))
    assert [place for place in (0, 3, 4, 5, 6, 2**62, 2**62 + 1) if place in chosen] == [3, 5, 2**62]
    assert chosen.among([0, 3, 4, 5, 6, 2**62, 2**62 + 1]) == [False, True, False, True, False, True, False]
    assert chosen.among([]) == []
    assert 3 not in Chosen(np.empty(0, np.int64))
    assert Chosen(np.empty(0, np.int64)).among([3, 4]) == [False, False]
