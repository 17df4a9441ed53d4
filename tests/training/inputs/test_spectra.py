"""Pictures and series equal librosa's, and keep to their range whatever is heard."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from tests import audio
from training.inputs.spectra import Spectra

SECONDS = GTZAN57.window_seconds


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    kinds = [
        audio.music(SECONDS, GTZAN57.sample_rate, seed=1),
        audio.noise(SECONDS, GTZAN57.sample_rate, seed=2) * np.float32(1e-3),
        audio.tone(440.0, SECONDS, GTZAN57.sample_rate),
        audio.clicks(SECONDS, GTZAN57.sample_rate),
        audio.silence(SECONDS, GTZAN57.sample_rate),
    ]
    return np.stack([kind[: GTZAN57.window_samples] for kind in kinds]).astype(np.float32)


def test_a_window_becomes_128_bands_and_130_frames_in_0_to_1(windows: np.ndarray) -> None:
    pictures = Spectra.of(GTZAN57).pictures(windows)
    assert pictures.shape == (len(windows), 128, 130)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0.0
    np.testing.assert_allclose(pictures[:4].max(axis=(1, 2)), 1.0)
    assert (pictures[4] == 0.0).all()


def test_a_picture_does_not_depend_on_loudness(windows: np.ndarray) -> None:
    spectra = Spectra.of(GTZAN57)
    np.testing.assert_allclose(
        spectra.pictures(windows[:1]), spectra.pictures(windows[:1] * np.float32(0.1)), atol=1e-3
    )


def test_a_tone_lights_up_the_band_of_its_pitch() -> None:
    low, high = (
        audio.tone(hertz, SECONDS, GTZAN57.sample_rate)[None, : GTZAN57.window_samples]
        for hertz in (300.0, 3_000.0)
    )
    bands = [int(Spectra.of(GTZAN57).pictures(tone)[0].mean(axis=1).argmax()) for tone in (low, high)]
    # 25.8 Hz a band up to 1 kHz; 3 kHz is 31.0 of 49.9 mels.
    assert bands == [pytest.approx(300 / 25.8 - 1, abs=1), pytest.approx(31.0 / 49.9 * 129 - 1, abs=1)]


@pytest.mark.slow
def test_pictures_and_series_equal_librosa(windows: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    spectra = Spectra.of(GTZAN57)
    for window, picture, series in zip(
        windows, spectra.pictures(windows), spectra.series(windows), strict=True
    ):
        power = librosa.feature.melspectrogram(y=window, sr=GTZAN57.sample_rate)
        decibels = librosa.power_to_db(power, ref=np.max)
        if window.any():
            np.testing.assert_allclose(picture, decibels / 80.0 + 1.0, atol=1e-4)
        mfcc = librosa.feature.mfcc(y=window, sr=GTZAN57.sample_rate, n_mfcc=20)
        assert series.shape == (130, 20)
        np.testing.assert_allclose(series, mfcc.T, atol=2e-3)
