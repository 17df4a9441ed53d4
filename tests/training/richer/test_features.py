"""Each added feature says what its name says of signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from training.richer.features import ADDED_NAMES, GTZAN57_PLUS, added_features

pytest.importorskip("librosa", reason="needs the extra `bench`")
pytestmark = pytest.mark.slow

N = GTZAN57.window_samples


def by_name(window: NDArray[np.float64]) -> dict[str, float]:
    found = added_features(window.astype(np.float32))
    assert found.shape == (68,)
    assert np.isfinite(found).all()
    return dict(zip(ADDED_NAMES, found.tolist(), strict=True))


def test_the_57_come_first_and_the_fingerprint_differs() -> None:
    assert GTZAN57_PLUS.feature_names[:57] == GTZAN57.feature_names
    assert GTZAN57_PLUS.width == len(set(GTZAN57_PLUS.feature_names)) == 57 + 68
    assert GTZAN57_PLUS.fingerprint != GTZAN57.fingerprint


def test_noise_is_flat_without_contrast_and_a_tone_is_neither() -> None:
    rng = np.random.default_rng(0)
    noise = by_name(rng.normal(scale=0.1, size=N))
    tone = by_name(0.5 * np.sin(2 * np.pi * 440.0 * np.arange(N) / GTZAN57.sample_rate))
    # Of a Rayleigh spectrum: exp(-gamma / 2) of powers' geometric mean over their mean, 0.5615.
    assert noise["flatness_mean"] == pytest.approx(0.5615, abs=0.02)
    assert tone["flatness_mean"] < 0.001
    assert tone["contrast3_mean"] > noise["contrast3_mean"] + 20  # 400 to 800 Hz, in dB


def test_a_steady_sound_does_not_change_and_a_rising_one_does() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(scale=0.1, size=N)
    steady = by_name(sound)
    rising = by_name(sound * np.logspace(-2, 0, N))  # 40 dB in 130 frames: 0.31 dB a frame
    # The first coefficient is the mean of the bands' dB times the square root of their number.
    assert rising["mfcc_delta1_mean"] == pytest.approx(40 / 130 * np.sqrt(128), rel=0.05)
    assert abs(steady["mfcc_delta1_mean"]) < 0.1


def test_silence_is_finite() -> None:
    by_name(np.zeros(N))


def test_a_fifth_lies_elsewhere_than_a_tritone() -> None:
    seconds = np.arange(N) / GTZAN57.sample_rate
    chords = [
        sum(np.sin(2 * np.pi * 261.63 * 2 ** (step / 12) * seconds) for step in (0, interval))
        for interval in (7, 6)
    ]
    fifth, tritone = (
        np.hypot(found["tonnetz1_mean"], found["tonnetz2_mean"])
        for found in map(by_name, np.asarray(chords) * 0.2)
    )
    # Neighbours on the circle of fifths lie near each other, a tritone's ends opposite: 0.33 and 0.09, as
    # chroma spreads each tone over its neighbours.
    assert fifth > 2 * tritone
