"""Audio of the tracks that are asked for is found anywhere in a folder and becomes the service's features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from featurizer import GTZAN57, Featurizer
from training.errors import DataError
from training.heard import audio_of_tracks, featurize_audio


def write_noise(path: Path, *, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(seed).normal(scale=0.1, size=2 * GTZAN57.window_samples)
    soundfile.write(path, sound.astype(np.float32), GTZAN57.sample_rate, subtype="PCM_16")
    return path


def test_tracks_are_found_by_name_whatever_their_folder_and_suffix(tmp_path: Path) -> None:
    names = ["deep/er/rock.00001.FLAC", "rock.00002.wav", "rock.00003.wav", "rock.00001.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = audio_of_tracks(tmp_path, frozenset({"rock.00001", "rock.00002", "jazz.00000"}))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == names[:2]


@pytest.mark.slow
def test_each_window_has_its_tracks_name_and_genre(tmp_path: Path) -> None:
    paths = [
        write_noise(tmp_path / "jazz.00001.wav", seed=1),
        write_noise(tmp_path / "rock.00002.flac", seed=2),
    ]
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1

    with Featurizer("cpu") as featurizer:
        table = featurize_audio(paths, featurizer=featurizer, on_track=count)
        assert seen == 2
        assert table.tracks.tolist() == ["jazz.00001"] * 2 + ["rock.00002"] * 2
        assert table.genres.tolist() == ["jazz"] * 2 + ["rock"] * 2
        assert table.inputs.shape == (4, GTZAN57.width)
        (tmp_path / "rock.00002.flac").write_text("no sound")
        with pytest.raises(DataError, match=r"cannot be decoded, path=.*rock\.00002\.flac: "):
            featurize_audio(paths, featurizer=featurizer)
