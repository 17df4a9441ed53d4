"""Checks that the oracle is the published recipe: plain librosa calls in the columns' order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa, oracle_features
from tests.featurizer.signals import EDGE_CASES, music, noise, tone

pytestmark = pytest.mark.slow


def column(window: np.ndarray[tuple[int], np.dtype[np.float32]], name: str) -> float:
    return float(oracle_features(window[None])[0, GTZAN57.feature_names.index(name)])


def test_columns_stand_in_the_specs_order() -> None:
    window = music(0)
    features = dict(zip(GTZAN57.feature_names, oracle_features(window[None])[0], strict=True))
    chroma = librosa().feature.chroma_stft(y=window, sr=22_050)
    mfcc = librosa().feature.mfcc(y=window, sr=22_050, n_mfcc=20)
    assert features["chroma_stft_mean"] == chroma.mean()
    assert features["chroma_stft_var"] == chroma.var()
    assert features["zero_crossing_rate_var"] == librosa().feature.zero_crossing_rate(window).var()
    assert features["perceptr_var"] == librosa().effects.percussive(window).var()
    assert features["tempo"] == librosa().beat.beat_track(y=window, sr=22_050)[0]
    assert features["mfcc1_mean"] == mfcc[0].mean()
    assert features["mfcc20_var"] == mfcc[19].var()


def test_a_tone_has_its_known_features() -> None:
    assert column(tone(1_000.0), "spectral_centroid_mean") == pytest.approx(1_000, rel=0.02)
    assert column(tone(1_000.0), "harmony_var") == pytest.approx(0.125, rel=0.01)


def test_silence_has_features_and_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = oracle_features(np.zeros((1, GTZAN57.window_samples), dtype=np.float32))
    assert np.isfinite(features).all()
    assert features[0, GTZAN57.feature_names.index("tempo")] == 0


def test_the_oracle_has_the_bits_of_plain_calls() -> None:
    from featurizer.reference import reference_features  # noqa: PLC0415

    edges = ("silence", "denormal samples", "click", "tone at 440 Hz", "white noise")
    windows = np.stack([music(0), *(EDGE_CASES[name]().astype(np.float32) for name in edges)])
    plain = np.stack([reference_features(window) for window in windows])
    np.testing.assert_array_equal(oracle_features(windows), plain)


def test_the_sample_rate_matters() -> None:
    window = noise()[None]
    from featurizer.reference import reference_features  # noqa: PLC0415

    assert not np.allclose(oracle_features(window)[0], reference_features(window[0], sample_rate=44_100))
