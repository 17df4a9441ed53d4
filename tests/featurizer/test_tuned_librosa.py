"""Checks that the tuned baseline computes what plain librosa calls compute."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from featurizer.parity import compare
from featurizer.spec import GTZAN57
from tests import audio
from tests.featurizer.oracle import oracle_features
from tests.featurizer.signals import music, noise

pytestmark = pytest.mark.slow

TOLERANCE_SD = 1e-4


def test_the_tuned_baseline_agrees_with_plain_calls() -> None:
    from featurizer.reference import TunedLibrosa  # noqa: PLC0415

    windows = np.stack([music(0), music(1), noise()])
    tuned = TunedLibrosa()
    parity = compare(np.stack([tuned(window) for window in windows]), oracle_features(windows))
    assert parity.tempo_equal == 1.0
    assert parity.worst[1] <= TOLERANCE_SD, parity


def test_the_tuned_baseline_knows_silence() -> None:
    from featurizer.reference import TunedLibrosa  # noqa: PLC0415

    silence = np.zeros((1, GTZAN57.window_samples), dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = TunedLibrosa()(silence[0])
    assert np.array_equal(features, oracle_features(silence)[0])


def test_librosa_loads_the_whole_windows_of_a_file(tmp_path: Path) -> None:
    from featurizer.reference import load_windows  # noqa: PLC0415

    file = audio.encode(audio.music(7.0, 44_100), 44_100, codec="wav_s16", path=tmp_path / "track.wav")
    windows = load_windows(file)
    assert windows.shape == (2, GTZAN57.window_samples)
    assert windows.dtype == np.float32
