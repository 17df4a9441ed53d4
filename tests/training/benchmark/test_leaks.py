"""What is on both sides is found and said; sides that share nothing are let alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.training.benchmark.tiny import make_data, make_windows
from tests.training.synthetic import N_WINDOWS
from training.benchmark.data import BenchmarkData
from training.benchmark.leaks import find_leaks, neighbour_accuracy
from training.models.kind import InputKind
from training.report.figures import Leak
from training.sides import TEST, TRAIN, Protocol, Sides
from training.windows import LabelledWindows


def leaks_of(data: BenchmarkData) -> dict[str, Leak]:
    return {leak.protocol: leak for leak in find_leaks(data)}


def with_own(data: BenchmarkData, own: LabelledWindows, given: list[int] | None = None) -> BenchmarkData:
    tables = replace(
        data.tables[InputKind.FEATURES],
        own=own,
        given=None if given is None else np.array(given, dtype=np.int8),
    )
    return replace(data, tables={InputKind.FEATURES: tables})


def test_random_windows_leak_and_the_listed_sides_do_not() -> None:
    leaks = leaks_of(make_data())
    random = leaks[Protocol.RANDOM_WINDOWS]
    assert random.leaks
    assert random.shared_tracks > 20
    assert random.neighbour_accuracy is not None
    assert random.grouped_accuracy is not None
    assert random.neighbour_accuracy > random.grouped_accuracy + 0.1
    assert f"{random.shared_tracks} of " in random.why
    assert f"{random.neighbour_accuracy:.3f}" in random.why
    for protocol in (Protocol.GROUPED_BY_TRACK, Protocol.FAULT_FILTERED, Protocol.VALIDATION):
        assert not leaks[protocol].leaks, leaks[protocol].why


def test_a_split_that_cuts_through_tracks_is_flagged() -> None:
    own = make_windows()
    sides = [TRAIN if row % N_WINDOWS else TEST for row in range(len(own))]
    leak = leaks_of(with_own(make_data(), own, sides))[Protocol.GIVEN]
    assert leak.leaks
    assert leak.shared_tracks == 36
    assert leak.why.startswith("36 of 36 test tracks have windows on the training side too")


def test_a_given_split_that_shares_nothing_is_not_flagged() -> None:
    own = make_windows()
    sides = [TEST if name.endswith(("8", "9")) else TRAIN for name in own.tracks.tolist()]
    leak = leaks_of(with_own(make_data(), own, sides))[Protocol.GIVEN]
    assert (leak.leaks, leak.shared_tracks, leak.near_copies) == (False, 0, 0)


def test_a_copy_under_another_name_is_flagged() -> None:
    own = make_windows()
    inputs = own.inputs.copy()
    inputs[own.tracks == "rock.00009"] = inputs[own.tracks == "rock.00000"] + 1e-5
    copied = LabelledWindows(inputs, own.genres, own.tracks, own.weights)
    leak = leaks_of(with_own(make_data(), copied))[Protocol.FAULT_FILTERED]
    assert (leak.leaks, leak.shared_tracks, leak.near_copies) == (True, 0, 1)
    assert "1 more have a near copy" in leak.why


def test_where_nothing_is_searched_for_copies_nothing_is_said_of_them() -> None:
    data = make_data()
    tables = replace(data.tables[InputKind.FEATURES], copy_distance=None)
    leaks = leaks_of(replace(data, tables={InputKind.FEATURES: tables}))
    assert all("near copy" not in leak.why for leak in leaks.values())


def test_tracks_of_one_row_are_drawn_once_for_both_protocols() -> None:
    own = make_windows()
    one = own.rows(np.arange(0, len(own), N_WINDOWS))
    leaks = leaks_of(with_own(make_data(), one))
    random, grouped = leaks[Protocol.RANDOM_WINDOWS], leaks[Protocol.GROUPED_BY_TRACK]
    assert not random.leaks
    assert random.neighbour_accuracy == grouped.neighbour_accuracy


def test_the_nearest_neighbour_is_that_of_a_plain_search() -> None:
    own = make_windows()
    fit, test = own.rows(np.arange(0, len(own), 2)), own.rows(np.arange(1, len(own), 2))
    scale = fit.inputs.std(axis=0)
    right = [
        fit.genres[np.linalg.norm((fit.inputs - row) / scale, axis=1).argmin()] == genre
        for row, genre in zip(test.inputs, test.genres, strict=True)
    ]
    assert neighbour_accuracy(Sides(fit, test)) == np.mean(right)
