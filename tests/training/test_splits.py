"""No track, copy or artist of the test is ever on the training side."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizer.spec import GTZAN57
from tests.paths import DATA, needs_data
from tests.training.synthetic import write_data
from training.datasets import DefaultData, read_default_data
from training.errors import DataError
from training.splits import (
    NEAR_COPY_DISTANCE,
    TrackLists,
    artist_folds,
    near_copies,
    random_tracks,
    random_windows,
    read_track_lists,
)
from training.windows import LabelledWindows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), audio=False)


@pytest.fixture(scope="module")
def small(folder: Path) -> DefaultData:
    return read_default_data(folder, spec=GTZAN57, extra_weight=0.5)


@pytest.fixture
def lists_folder(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / "gtzan_split", tmp_path / "split"))


def assert_nothing_leaks(data: DefaultData) -> None:
    test, training = set(data.test.track_names), set(data.training.track_names)
    assert test
    assert training
    assert not test & training
    assert not data.lists.test & training
    assert not data.lists.excluded & training
    for one, other in data.lists.twins:
        assert not {one, other} & test or not {one, other} & training
    artists = {data.lists.artists[track] for track in test if track in data.lists.artists}
    assert not artists & {data.lists.artists[track] for track in training if track in data.lists.artists}
    assert not near_copies(data.training, of=data.test, closer_than=NEAR_COPY_DISTANCE)
    assert not {row.tobytes() for row in data.test.inputs} & {row.tobytes() for row in data.training.inputs}


def test_small_data_keep_the_test_and_its_twins_from_training(small: DefaultData) -> None:
    assert "jazz.00003" in small.lists.train
    assert "jazz.00003" not in small.training.track_names
    assert_nothing_leaks(replace(small, lists=replace(small.lists, artists={})))


@needs_data
@pytest.mark.slow
def test_real_data_keep_the_test_its_twins_and_its_artists_from_training() -> None:
    data = read_default_data(DATA, spec=GTZAN57, extra_weight=0.5)
    assert (len(data.lists.train), len(data.lists.valid), len(data.lists.test)) == (443, 197, 290)
    assert len(data.test.track_names) == 290
    assert len(data.lists.excluded) == 70
    assert len(data.lists.twins) == 76
    assert data.dropped.repeated_windows >= 100
    assert "soul" not in data.training.genres
    assert_nothing_leaks(data)


def test_a_copy_of_a_test_track_in_another_table_is_found(small: DefaultData) -> None:
    copy = LabelledWindows(
        inputs=small.test.inputs[:1] * 1.0001,
        genres=np.array(["blues"]),
        tracks=np.array(["dsmusic/copy"]),
        weights=np.ones(1, dtype=np.float32),
    )
    assert near_copies(copy, of=small.test, closer_than=NEAR_COPY_DISTANCE) == {"dsmusic/copy"}
    far = replace(copy, inputs=copy.inputs + 5.0 * small.test.inputs.std(axis=0))
    assert not near_copies(far, of=small.test, closer_than=NEAR_COPY_DISTANCE)


def test_folds_of_artists_cover_every_track_once_and_share_no_artist(small: DefaultData) -> None:
    tracks = small.fitting.track_names
    folds = artist_folds(tracks, lists=small.lists, n_folds=3)
    assert sorted(track for fold in folds for track in fold) == sorted(tracks)
    owners = [{small.lists.artists[track] for track in fold} for fold in folds]
    assert not owners[0] & owners[1]
    assert not owners[1] & owners[2]
    assert not owners[0] & owners[2]
    assert all(folds)


def test_tracks_by_nobody_known_stay_together_within_a_genre() -> None:
    lists = TrackLists(
        train=frozenset(), valid=frozenset(), test=frozenset(), excluded=frozenset(), twins=(), artists={}
    )
    tracks = [f"{genre}.{number:05d}" for genre in ("blues", "rock") for number in range(5)]
    folds = artist_folds(tracks, lists=lists, n_folds=2)
    assert {frozenset(track.partition(".")[0] for track in fold) for fold in folds} == {
        frozenset({"blues"}),
        frozenset({"rock"}),
    }


def test_twins_by_two_artists_are_not_on_two_folds(small: DefaultData) -> None:
    lists = replace(small.lists, twins=(("blues.00000", "rock.00000"),))
    folds = artist_folds(small.fitting.track_names, lists=lists, n_folds=3)
    sides = [
        index for index, fold in enumerate(folds) for track in ("blues.00000", "rock.00000") if track in fold
    ]
    assert len(set(sides)) == 1


@given(st.integers(0, 2**32 - 1))
def test_drawn_sides_hold_their_share_of_every_genre(small: DefaultData, seed: int) -> None:
    windows = random_windows(small.gtzan, rng=np.random.default_rng(seed), test_share=0.25)
    tracks = random_tracks(small.gtzan, rng=np.random.default_rng(seed), test_share=0.25)
    for drawn in (windows, tracks):
        for genre in small.genres:
            assert drawn[small.gtzan.genres == genre].mean() == 0.25
    assert not set(small.gtzan.rows(tracks).track_names) & set(small.gtzan.rows(~tracks).track_names)


def test_a_missing_list_is_named(lists_folder: Path) -> None:
    (lists_folder / "valid_filtered.txt").unlink()
    with pytest.raises(DataError, match="valid_filtered"):
        read_track_lists(lists_folder)


def test_a_track_on_two_sides_is_refused(lists_folder: Path) -> None:
    with (lists_folder / "train_filtered.txt").open("a") as file:
        file.write("\nrock/rock.00009.wav\n")
    with pytest.raises(DataError, match="two sides"):
        read_track_lists(lists_folder)


def test_an_empty_list_is_refused(lists_folder: Path) -> None:
    (lists_folder / "test_filtered.txt").write_text("\n")
    with pytest.raises(DataError, match="test_filtered"):
        read_track_lists(lists_folder)
