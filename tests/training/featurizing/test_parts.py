"""What a track gave is kept whole or not at all, and given back only for the same file and feature set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from tests.training.featurizing.made_up_work import track_at
from training.errors import OutputError
from training.featurizing.parts import Parts
from training.featurizing.track import TrackFeatures
from training.featurizing.walk import Track


@pytest.fixture
def tracks(tmp_path: Path) -> list[Track]:
    for name in "abc":
        (tmp_path / name).write_text(name)
    return [track_at(tmp_path / name) for name in "abc"]


def features_of(seed: int) -> TrackFeatures:
    rng = np.random.default_rng(seed)
    return TrackFeatures(rng.normal(size=(seed + 1, GTZAN57.width)).astype(np.float32), ("short", "silent"))


def test_features_come_back_bit_for_bit_in_another_run(tmp_path: Path, tracks: list[Track]) -> None:
    with Parts(tmp_path / "parts", spec=GTZAN57) as parts:
        for seed, track in enumerate(tracks[:2]):
            parts.add(track, features_of(seed))
    with Parts(tmp_path / "parts", spec=GTZAN57) as parts:
        assert [track in parts for track in tracks] == [True, True, False]
        parts.add(tracks[2], features_of(2))
        for seed, track in enumerate(tracks):
            found = parts.features_of(track)
            assert found.features.tobytes() == features_of(seed).features.tobytes()
            assert found.features.shape == features_of(seed).features.shape
            assert found.warnings == ("short", "silent")


def test_every_cut_leaves_the_records_before_it_and_room_for_more(
    tmp_path: Path, tracks: list[Track]
) -> None:
    path = tmp_path / "parts"
    ends = []
    with Parts(path, spec=GTZAN57) as parts:
        for seed, track in enumerate(tracks):
            ends.append(path.stat().st_size)
            parts.add(track, features_of(seed))
    whole = path.read_bytes()
    for cut in [0, 5, *range(ends[0], len(whole), 37), ends[1], ends[2] + 8]:
        path.write_bytes(whole[:cut])
        n_whole = sum(cut >= end for end in [*ends[1:], len(whole)])
        with Parts(path, spec=GTZAN57) as parts:
            assert len(parts) == n_whole
            parts.add(tracks[2], features_of(2))
        with Parts(path, spec=GTZAN57) as parts:
            assert parts.features_of(tracks[2]).features.tobytes() == features_of(2).features.tobytes()


def test_a_damaged_record_is_not_believed(tmp_path: Path, tracks: list[Track]) -> None:
    path = tmp_path / "parts"
    with Parts(path, spec=GTZAN57) as parts:
        parts.add(tracks[0], features_of(0))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with Parts(path, spec=GTZAN57) as parts:
        assert tracks[0] not in parts


def test_a_changed_file_and_another_feature_set_are_not_done(tmp_path: Path, tracks: list[Track]) -> None:
    with Parts(tmp_path / "parts", spec=GTZAN57) as parts:
        parts.add(tracks[0], features_of(0))
        assert replace(tracks[0], size_bytes=2) not in parts
        assert replace(tracks[0], changed_ns=2) not in parts
        assert replace(tracks[0], place="elsewhere") not in parts
    with Parts(tmp_path / "parts", spec=replace(GTZAN57, revision=99)) as parts:
        assert tracks[0] not in parts


def test_what_is_cleared_is_gone_and_what_is_removed_leaves_no_file(
    tmp_path: Path, tracks: list[Track]
) -> None:
    with Parts(tmp_path / "parts", spec=GTZAN57) as parts:
        parts.add(tracks[0], features_of(0))
        parts.clear()
        assert tracks[0] not in parts
        parts.remove()
    assert not (tmp_path / "parts").exists()


def test_a_second_run_of_one_table_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "parts"
    with Parts(path, spec=GTZAN57), pytest.raises(OutputError, match="another run"):
        Parts(path, spec=GTZAN57)
    path.write_text("somebody's notes, long before any run\n")
    with pytest.raises(OutputError, match="move it away"):
        Parts(path, spec=GTZAN57)
    assert path.read_text() == "somebody's notes, long before any run\n"
    with pytest.raises(OutputError, match="cannot be written"):
        Parts(tmp_path / "none/parts", spec=GTZAN57)
