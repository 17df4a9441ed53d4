"""Tests of features without Kafka: what is printed, and real children on real small files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from consumer.audio_files import find_audio
from consumer.config import load_settings
from consumer.demo.synthesis import synthesize, write_wav
from consumer.features import FeatureReader, FeaturizedFile
from consumer.label import for_local_files
from featurizer import Featurizer
from featurizer.errors import NotAudioError
from featurizer.spec import GTZAN57
from featurizer.track import TrackReader


def test_each_window_is_one_object_with_its_start_and_every_feature_by_name() -> None:
    features = np.random.default_rng(1).standard_normal((3, GTZAN57.width)).astype(np.float32)

    rows = list(FeaturizedFile(Path("a.mp3"), features, None).rows())

    assert [(row["path"], row["window"], row["start_seconds"]) for row in rows] == [
        ("a.mp3", 0, 0.0),
        ("a.mp3", 1, 3.0),
        ("a.mp3", 2, 6.0),
    ]
    assert list(rows[0]["features"]) == list(GTZAN57.feature_names)
    printed = json.loads(json.dumps(rows[2]["features"]))
    assert np.array_equal(np.array(list(printed.values()), dtype=np.float32), features[2])


def test_windows_with_gaps_between_them_keep_their_numbers_and_starts() -> None:
    features = np.zeros((2, GTZAN57.width), dtype=np.float32)

    rows = list(FeaturizedFile(Path("a.mp3"), features, None, numbers=(4, 12)).rows())

    assert [(row["window"], row["start_seconds"]) for row in rows] == [(4, 12.0), (12, 36.0)]


def test_a_file_that_failed_is_one_object_with_its_error() -> None:
    empty = np.empty((0, GTZAN57.width), dtype=np.float32)

    (row,) = FeaturizedFile(Path("a.mp3"), empty, NotAudioError("file is not audio")).rows()

    assert row == {"path": "a.mp3", "error": {"reason": "not_audio", "message": "file is not audio"}}


@pytest.mark.slow
def test_files_come_back_in_their_order_with_the_features_of_their_windows(tmp_path: Path) -> None:
    for number, manner in enumerate(("jazz", "metal", "reggae")):
        piece = synthesize(manner, seconds=3.0 + 3.0 * number).mean(axis=1)[::2]
        write_wav(piece, tmp_path / f"{number}.wav", sample_rate=GTZAN57.sample_rate)
    (tmp_path / "1b.mp3").write_text("no music")
    settings = for_local_files(load_settings(overrides={"decode": {"processes": 2}}))

    with FeatureReader(settings) as reader:
        files = list(reader.read(find_audio([tmp_path, tmp_path / "gone.wav"])))

    assert [file.path.name for file in files] == ["0.wav", "1.wav", "1b.mp3", "2.wav", "gone.wav"]
    assert [len(file.features) for file in files] == [1, 2, 0, 3, 0]
    assert [None if file.error is None else type(file.error).__name__ for file in files] == [
        None,
        None,
        "NotAudioError",
        None,
        "AudioNotFoundError",
    ]
    with TrackReader(tmp_path / "2.wav") as track, Featurizer(device="cpu") as featurizer:
        expected = featurizer(np.concatenate(list(track.windows())))
    # Windows share a batch here and not there; a featurizer may differ by rounding then.
    np.testing.assert_allclose(files[3].features, expected, rtol=1e-4, atol=1e-5)
