"""Files of real audio become what the service itself computes of them; what cannot be read is listed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from typer.testing import CliRunner

from featurizer import GTZAN57, Featurizer
from featurizer.track import TrackReader
from tests.paths import DATA, needs_data
from training.cli.app import app
from training.feature_table import read_feature_table

pytestmark = pytest.mark.slow

RATE = GTZAN57.sample_rate


def noise(seconds: float, *, rate: int = RATE, channels: int = 1) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.normal(scale=0.1, size=(int(seconds * rate), channels)).astype(np.float32)


def write_hostile_folder(folder: Path) -> Path:
    """Write good and bad files of two genres."""
    for genre in ("jazz", "rock"):
        (folder / genre).mkdir(parents=True)
    soundfile.write(folder / "rock/rock.00000.wav", noise(7.0), RATE, subtype="PCM_16")
    soundfile.write(folder / "rock/rock.00001.au", noise(7.0), RATE, format="AU", subtype="PCM_16")
    soundfile.write(folder / "rock/stereo.flac", noise(7.0, rate=48_000, channels=2), 48_000)
    soundfile.write(folder / "rock/silent.wav", np.zeros(RATE * 4, np.float32), RATE)
    soundfile.write(folder / "rock/short.wav", noise(2.0), RATE)
    soundfile.write(folder / 'jazz/a,"b"\n.ogg', noise(4.0), RATE)
    soundfile.write(folder / "jazz/too_short.wav", noise(0.2), RATE)
    whole = (folder / "rock/rock.00000.wav").read_bytes()
    (folder / "jazz/cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "jazz/empty.wav").touch()
    (folder / "jazz/text.wav").write_text("no sound at all\n" * 100)
    return folder


def test_a_folder_of_all_sorts_becomes_a_table_and_a_list(tmp_path: Path) -> None:
    folder = write_hostile_folder(tmp_path / "music")
    out = tmp_path / "table.parquet"
    result = CliRunner().invoke(app, ["featurize", str(folder), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {file["path"]: file["reason"] for file in told["left_out"]} == {
        "jazz/empty.wav": "empty_file",
        "jazz/text.wav": "not_audio",
        "jazz/too_short.wav": "too_short",
    }
    assert told["warnings"] == {"short": 1, "silent": 1, "truncated": 1}
    assert told["genres"] == {"jazz": 2, "rock": 5}
    table = read_feature_table(out, spec=GTZAN57)
    assert table.track_names == [
        'jazz.a,"b"%0a',
        "jazz.cut",
        *("rock.00000", "rock.00001", "rock.short", "rock.silent", "rock.stereo"),
    ]
    with Featurizer("cpu") as featurizer:
        for path in sorted((folder / "rock").iterdir()):
            with TrackReader(path) as reader:
                expected = np.concatenate([featurizer(windows) for windows in reader.windows()])
            name = path.stem if path.stem.startswith("rock.") else f"rock.{path.stem}"
            assert table.of_tracks(frozenset({name})).inputs.tobytes() == expected.tobytes()


def test_a_folder_without_a_readable_file_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "music/rock").mkdir(parents=True)
    (tmp_path / "music/rock/a.wav").touch()
    out = tmp_path / "table.csv"
    result = CliRunner().invoke(app, ["featurize", str(tmp_path / "music"), "--out", str(out)])
    assert result.exit_code == 1
    assert not result.stdout
    lines = result.stderr.splitlines()
    assert lines[-2].startswith("left out: rock/a.wav: empty_file: ")
    assert lines[-1].startswith("error: no file could be read")
    assert not out.exists()


@needs_data
def test_real_tracks_agree_with_the_published_table(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for genre, numbers in (("classical", range(3)), ("rock", range(3))):
        (folder / genre).mkdir(parents=True)
        for number in numbers:
            name = f"{genre}/{genre}.{number:05d}.flac"
            (folder / name).symlink_to(DATA / "audio/gtzan_tracks" / name)
    out = tmp_path / "table.csv"
    result = CliRunner().invoke(app, ["featurize", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    ours = read_feature_table(out, spec=GTZAN57)
    published = read_feature_table(DATA / "features/gtzan_3s.csv.gz", spec=GTZAN57)
    spread = published.inputs.std(axis=0)
    published = published.of_tracks(frozenset(ours.track_names))
    assert ours.tracks.tolist() == published.tracks.tolist()
    apart = np.median(np.abs(ours.inputs - published.inputs), axis=0) / spread
    # An older librosa, which padded by reflection, made the published one: 0.04 was measured at most.
    assert (apart < 0.06).all()
