"""Planted copies are found, exact ones and near ones, and what is merely alike is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tests.training.explore.tables import windows
from training.explore.copies import find_near_copies, find_repeats
from training.windows import LabelledWindows


@pytest.fixture
def table() -> LabelledWindows:
    rng = np.random.default_rng(1)
    tracks = [f"{genre}.{track:05d}" for genre in ("jazz", "rock") for track in range(6) for _ in range(3)]
    return windows(rng.normal(size=(len(tracks), 20)), tracks=tracks)


def test_a_table_of_unlike_windows_has_no_copies(table: LabelledWindows) -> None:
    assert find_repeats(table).groups == 0
    assert find_near_copies(table) == ()


def test_exact_repeats_are_gathered_by_the_tracks_that_share_them(table: LabelledWindows) -> None:
    table.inputs[[3, 4]] = table.inputs[[0, 1]]  # jazz 0 and 1, two windows
    table.inputs[20] = table.inputs[2]  # jazz 0 and rock 0: two labels
    table.inputs[10] = table.inputs[9]  # within jazz 3
    found = find_repeats(table)
    assert (found.groups, found.superfluous, found.across_tracks, found.two_labels) == (4, 4, 3, 1)
    assert [(one.tracks, one.groups, one.windows) for one in found.examples] == [
        (("jazz.00000", "rock.00000"), 1, 2),
        (("jazz.00000", "jazz.00001"), 2, 4),
        (("jazz.00003",), 1, 2),
    ]
    assert found.examples[0].genres == ("jazz", "rock")


def test_near_copies_are_found_across_tracks_only_and_closest_first(table: LabelledWindows) -> None:
    scale = table.inputs.std(axis=0)
    table.inputs[3] = table.inputs[0] + 0.5 * scale / np.sqrt(20)  # half a standard deviation away
    table.inputs[30] = table.inputs[6]
    table.inputs[7] = table.inputs[6]  # of one track: no pair
    found = find_near_copies(table)
    assert [(one.first, one.second) for one in found] == [
        ("jazz.00002", "rock.00004"),
        ("jazz.00000", "jazz.00001"),
    ]
    assert [one.windows for one in found] == [2, 1]
    assert found[0].distance == 0.0
    assert found[1].distance == pytest.approx(0.5, abs=0.05)
    assert (found[0].first_genre, found[0].second_genre) == ("jazz", "rock")


def test_near_copies_agree_with_all_distances_measured_one_by_one(table: LabelledWindows) -> None:
    unit = (table.inputs - table.inputs.mean(axis=0)) / table.inputs.std(axis=0)
    distances = cdist(unit, unit)
    limit = 4.5
    expected = {
        (str(table.tracks[a]), str(table.tracks[b]))
        for a, b in np.argwhere(np.triu(distances < limit, k=1))
        if table.tracks[a] != table.tracks[b]
    }
    assert len(expected) > 10
    found = find_near_copies(table, closer_than=limit)
    assert {(one.first, one.second) for one in found} == expected


def test_copies_in_another_table_are_found(table: LabelledWindows) -> None:
    other = windows(
        np.asarray(table.inputs[[5, 5, 9]], dtype=np.float64), tracks=["rock.9", "rock.8", "pop.7"]
    )
    other.inputs[0] += 5.0
    found = find_near_copies(table, of=other)
    assert {(one.first, one.second) for one in found} == {("jazz.00001", "rock.8"), ("jazz.00003", "pop.7")}


def test_windows_that_are_all_the_same_are_all_copies_of_one_another() -> None:
    table = windows(np.ones((4, 3)), tracks=["jazz.0", "jazz.0", "jazz.1", "rock.2"])
    assert find_repeats(table).superfluous == 3
    assert len(find_near_copies(table)) == 3
