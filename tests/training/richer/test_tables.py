"""Both feature sets are computed once, of audio, and read back the next time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from featurizer import GTZAN57, Featurizer
from training.errors import DataError, OutputError
from training.featurizing.walk import BadFile
from training.richer.features import added_features
from training.richer.tables import richer_windows

pytest.importorskip("librosa", reason="needs the extra `bench`")


@pytest.mark.slow
def test_windows_hold_the_services_features_and_librosas_and_are_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(scale=0.1, size=GTZAN57.window_samples).astype(np.float32)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        (folder / "rock").mkdir(parents=True)
        # As 32-bit floats the file holds the very samples; the second folder's are not to be taken.
        samples = sound if folder is folders[0] else sound / 2
        soundfile.write(folder / "rock/a.wav", samples, GTZAN57.sample_rate, subtype="FLOAT")
    windows = richer_windows(folders, out=tmp_path / "out")
    assert windows.tracks.tolist() == ["rock.a"]
    with Featurizer("cpu") as featurizer:
        assert (windows.inputs[:, :57] == featurizer(sound[None])).all()
    assert (windows.inputs[0, 57:] == added_features(sound)).all()
    for folder in folders:
        (folder / "rock/a.wav").unlink()
    assert (richer_windows(folders, out=tmp_path / "out").inputs == windows.inputs).all()


@pytest.mark.slow
def test_a_folder_whose_files_cannot_be_read_is_refused_and_each_is_told(tmp_path: Path) -> None:
    (tmp_path / "music/rock").mkdir(parents=True)
    (tmp_path / "music/rock/a.wav").touch()
    told: list[BadFile] = []
    with pytest.raises(DataError, match=r"no file of the folder could be read, path=.*music"):
        richer_windows([tmp_path / "music"], out=tmp_path / "out", on_bad=told.append)
    assert [(file.place, file.reason) for file in told] == [("rock/a.wav", "empty_file")]


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="one name"):
        richer_windows([tmp_path / "a/music", tmp_path / "b/music"], out=tmp_path / "out")
