"""A folder of music becomes windows with labels; what cannot be heard is listed, not lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from featurizer.spec import GTZAN57
from tests import audio
from tests.paths import DATA, needs_data
from training.errors import DataError
from training.inputs.spectrograms import prepare_pictures, prepare_series, read_spectrograms
from training.models.kind import InputKind

RATE = GTZAN57.sample_rate


def write(path: Path, *, seconds: float, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.music(seconds, RATE, seed=seed), RATE)
    return path


def test_a_track_becomes_a_picture_or_a_series_each_three_seconds(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", seconds=30.0, seed=0)
    assert prepare_pictures()(file).features.shape == (10, 128, 130)
    series = prepare_series()(file).features
    assert series.shape == (10, 130, 20)
    assert series.dtype == np.float32


@pytest.mark.slow
def test_a_folder_becomes_labelled_windows_and_bad_files_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "jazz/b.flac", seconds=6.0, seed=0)
    write(tmp_path / "jazz/a.wav", seconds=9.0, seed=1)
    write(tmp_path / "rock/a.wav", seconds=3.0, seed=2)
    write(tmp_path / "pop/a.wav", seconds=3.0, seed=3)
    (tmp_path / "rock/broken.mp3").write_bytes(b"no music" * 100)
    (tmp_path / "rock/notes.txt").write_text("no audio")
    begun: list[int] = []
    done: list[None] = []
    table, bad = read_spectrograms(
        tmp_path,
        input=InputKind.IMAGE,
        genres=("rock", "jazz"),
        on_begin=begun.append,
        on_file=lambda: done.append(None),
        n_processes=1,
    )
    assert table.tracks.tolist() == ["jazz.a"] * 3 + ["jazz.b"] * 2 + ["rock.a"]
    assert table.genres.tolist() == ["jazz"] * 5 + ["rock"]
    assert table.inputs.shape == (6, 128, 130)
    assert (table.weights == 1.0).all()
    assert [file.place for file in bad] == ["rock/broken.mp3"]
    assert begun == [4] == [len(done)]
    np.testing.assert_array_equal(table.inputs[:3], prepare_pictures()(tmp_path / "jazz/a.wav").features)


@pytest.mark.slow
def test_a_folder_that_nothing_can_be_read_of_gets_one_clear_line(tmp_path: Path) -> None:
    for genre in ("jazz", "rock"):
        (tmp_path / genre).mkdir()
        (tmp_path / genre / "a.wav").write_bytes(b"no music" * 100)
    with pytest.raises(
        DataError, match=r"no file of the folder can be read, .*bad_files=2 first: jazz/a\.wav"
    ):
        read_spectrograms(tmp_path, input=InputKind.SERIES, n_processes=1)
    (tmp_path / "rock/a.wav").unlink()
    write(tmp_path / "rock/b.wav", seconds=3.0, seed=0)
    with pytest.raises(DataError, match=r"one genre only, .*genre=rock"):
        read_spectrograms(tmp_path, input=InputKind.SERIES, n_processes=1)


def test_a_missing_folder_or_genre_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        read_spectrograms(tmp_path / "none", input=InputKind.SERIES)
    write(tmp_path / "jazz/a.wav", seconds=3.0, seed=0)
    with pytest.raises(DataError, match=r"lacks genres, .*lacking=rock found=jazz"):
        read_spectrograms(tmp_path, input=InputKind.SERIES, genres=("jazz", "rock"))


def test_features_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="input=features"):
        read_spectrograms(tmp_path, input=InputKind.FEATURES)


@needs_data
def test_a_real_track_is_heard_in_ten_windows() -> None:
    file = sorted((DATA / "audio/gtzan_tracks/jazz").glob("*.flac"))[0]
    assert len(prepare_pictures()(file).features) == 10
