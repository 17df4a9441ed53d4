"""Children do the work: one that crashes, hangs or fails costs its own file and no other."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.training.featurizing.made_up_work import (
    prepare,
    prepare_and_die,
    prepare_in_vain,
    track_at,
    write_folder,
)
from training.featurizing.child import Refused
from training.featurizing.crew import Crew, CrewError
from training.featurizing.track import TrackFeatures
from training.featurizing.walk import Track


def tracks_of(folder: Path, contents: dict[str, str]) -> list[Track]:
    write_folder(folder, contents)
    return [track_at(folder / name) for name in contents]


@pytest.mark.slow
def test_a_crash_a_hang_and_an_error_cost_their_own_files_only(tmp_path: Path) -> None:
    contents = {"a": "crash", "b": "11", "c": "hang", "d": "no audio", "e": "surprise", "f": "22"}
    tracks = [*tracks_of(tmp_path, contents)]
    (tmp_path / "g").write_text("1")
    tracks.append(track_at(tmp_path / "g"))
    (tmp_path / "g").unlink()
    # Long enough for a child of a busy machine to answer, short enough for a test to wait for.
    with Crew(2, prepare=prepare, file_seconds=3.0) as crew:
        found = {track.name: outcome for track, outcome in crew.outcomes(tracks)}
    assert found["a"] == Refused("crashed", "the process was killed by signal 11")
    assert found["c"] == Refused("timed_out", "longer than 3 s")
    assert found["d"] == Refused("not_audio", "no decoder knows it")
    assert found["e"] == Refused("failed", "ZeroDivisionError: never thought of")
    assert found["g"] == Refused("unreadable_file", "No such file or directory")
    for name, n_windows in (("b", 1), ("f", 2)):
        outcome = found[name]
        assert isinstance(outcome, TrackFeatures)
        assert len(outcome.features) == n_windows
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_children_that_cannot_load_what_they_need_end_the_run_in_one_line(tmp_path: Path) -> None:
    tracks = tracks_of(tmp_path, {"a": "11"})
    for unable, match in (
        (prepare_in_vain, r"cannot start: MissingExtraError: numba is not installed: pip install it$"),
        (prepare_and_die, "cannot start: its process ended, the process was killed by signal 9"),
    ):
        with Crew(1, prepare=unable, file_seconds=60.0) as crew, pytest.raises(CrewError, match=match):
            list(crew.outcomes(tracks))
        assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_run_that_is_left_early_leaves_no_child_behind(tmp_path: Path) -> None:
    tracks = tracks_of(tmp_path, {"a": "11", "b": "hang"})
    with Crew(1, prepare=prepare, file_seconds=60.0) as crew:
        next(crew.outcomes(tracks))
    assert not multiprocessing.active_children()


def test_no_files_start_no_children(tmp_path: Path) -> None:
    with Crew(2, prepare=prepare_and_die, file_seconds=60.0) as crew:
        assert not list(crew.outcomes([]))
