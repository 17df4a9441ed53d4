"""The same music gets the same label and the same features, however it was encoded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from featurizer.parity import FEATURE_SD
from tests.audio import Codec, encode, suffix_of
from tests.paths import DATA, needs_data

# Half a minute of two free cores for the encoders, all in one fixture.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_data]

N_TRACKS: Final = 30
SOURCE_RATE: Final = 22_050


@dataclass(frozen=True)
class Encoding:
    codec: Codec
    sample_rate: int
    stereo: bool
    lossless: bool

    @property
    def name(self) -> str:
        return f"{self.codec}-{self.sample_rate}-{'stereo' if self.stereo else 'mono'}"


SAME_RATE: Final = (
    Encoding("flac", SOURCE_RATE, stereo=True, lossless=True),
    Encoding("aiff", SOURCE_RATE, stereo=False, lossless=True),
)
RESAMPLED: Final = (
    Encoding("wav_s24", 44_100, stereo=True, lossless=True),
    Encoding("flac", 48_000, stereo=False, lossless=True),
)
LOSSY: Final = (
    Encoding("mp3", 44_100, stereo=True, lossless=False),
    Encoding("m4a", 44_100, stereo=True, lossless=False),
    Encoding("vorbis", 44_100, stereo=True, lossless=False),
)
ENCODINGS: Final = (*SAME_RATE, *RESAMPLED, *LOSSY)


def _tracks() -> list[Path]:
    """Take tracks genre by genre, so that each genre has its share: 30 of 10 genres."""
    by_genre = {
        folder.name: sorted(folder.glob("*.flac"))
        for folder in sorted((DATA / "audio/gtzan_tracks").iterdir())
    }
    rounds = max(len(files) for files in by_genre.values())
    ordered = [
        files[number] for number in range(rounds) for files in by_genre.values() if number < len(files)
    ]
    return ordered[:N_TRACKS]


def _encode(source: Path, folder: Path) -> None:
    """Write a track in every encoding."""
    mono, rate = soundfile.read(source, dtype="float32")
    assert rate == SOURCE_RATE
    at_rate = {rate: mono}
    for encoding in ENCODINGS:
        if encoding.sample_rate not in at_rate:
            at_rate[encoding.sample_rate] = soxr.resample(mono, rate, encoding.sample_rate, quality="HQ")
        samples = at_rate[encoding.sample_rate]
        if encoding.stereo:
            samples = np.stack([samples, samples], axis=1)
        path = folder / encoding.name / f"{source.stem}{suffix_of(encoding.codec)}"
        path.parent.mkdir(exist_ok=True, parents=True)
        encode(samples, encoding.sample_rate, codec=encoding.codec, path=path, bit_rate=128_000)


def _run(*arguments: object) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "consumer.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _track_of(line: dict[str, Any]) -> str:
    return Path(line["path"]).name.rsplit(".", 1)[0]


def _encoding_of(line: dict[str, Any], *, music: Path) -> str:
    folder = Path(line["path"]).parent
    return folder.name if folder.parent == music else "original"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encodings")
    with ThreadPoolExecutor(os.cpu_count()) as encoders:  # they work outside the interpreter's lock
        list(encoders.map(lambda source: _encode(source, folder), _tracks()))
    return folder


@pytest.fixture(scope="module")
def genres(music: Path) -> dict[str, dict[str, str]]:
    """Label every original and every encoding in one run: top genre by encoding (or "original") and track."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in _run("label", *_tracks(), music):
        found[_encoding_of(line, music=music)][_track_of(line)] = line["genres"][0]["genre"]
    assert len(found["original"]) == N_TRACKS
    return found


@pytest.mark.parametrize("encoding", [*SAME_RATE, *RESAMPLED], ids=lambda encoding: encoding.name)
def test_every_track_keeps_its_genre_through_lossless_encodings(
    encoding: Encoding, genres: dict[str, dict[str, str]]
) -> None:
    assert genres[encoding.name] == genres["original"]


@pytest.mark.parametrize("encoding", LOSSY, ids=lambda encoding: encoding.name)
def test_at_least_26_of_30_tracks_keep_their_genre_through_lossy_encodings(
    encoding: Encoding, genres: dict[str, dict[str, str]]
) -> None:
    same = [track for track, genre in genres[encoding.name].items() if genre == genres["original"][track]]
    assert len(same) >= 26, f"kept {len(same)} of {N_TRACKS}"


Windows = dict[tuple[str, int], NDArray[np.float64]]


@pytest.fixture(scope="module")
def features(music: Path) -> dict[str, Windows]:
    """Features of ten originals and their encodings at the same rate, by encoding, track and window."""
    sample = _tracks()[:10]
    encoded = [next((music / one.name).glob(f"{track.stem}.*")) for one in SAME_RATE for track in sample]
    found: dict[str, Windows] = defaultdict(dict)
    for line in _run("features", *sample, *encoded):
        window = (_track_of(line), line["window"])
        found[_encoding_of(line, music=music)][window] = np.array(list(line["features"].values()))
    return found


@pytest.mark.parametrize("encoding", SAME_RATE, ids=lambda encoding: encoding.name)
def test_lossless_encodings_at_the_same_rate_give_the_same_features(
    encoding: Encoding, features: dict[str, Windows]
) -> None:
    originals, encoded = features["original"], features[encoding.name]
    assert encoded.keys() == originals.keys()
    worst: dict[str, float] = defaultdict(float)
    for (track, window), values in encoded.items():
        distance = float(np.max(np.abs(values - originals[track, window]) / FEATURE_SD))
        worst[track] = max(worst[track], distance)
    assert len(worst) == 10
    assert max(worst.values()) <= 1e-3, worst
