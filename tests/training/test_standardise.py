"""Standardisation bears whatever features come, and does not hear at what rate a recording was stored."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import torch
from numpy.typing import NDArray

from featurizer.reference import reference_features
from featurizer.spec import GTZAN57
from training.standardise import Standardiser, spans_decades, storage_direction


def some_features() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.lognormal(mean=3.0, size=(500, GTZAN57.width)).astype(np.float32)


def standardised(features: NDArray[np.float32], *, limit: float = 100.0) -> NDArray[np.float32]:
    standardiser = Standardiser.fit(some_features(), spec=GTZAN57, limit=limit)
    return np.asarray(standardiser(torch.from_numpy(features)).numpy())


def test_standardised_features_have_no_mean_and_unit_deviation() -> None:
    standard = standardised(some_features())
    expected = [name not in {"harmony_mean", "perceptr_mean"} for name in GTZAN57.feature_names]
    np.testing.assert_allclose(standard.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=0), expected, atol=1e-3)


def test_variances_are_taken_as_logarithms_and_means_are_not() -> None:
    is_log = Standardiser.fit(some_features(), spec=GTZAN57, limit=5.0).is_log
    found = {name for name, chosen in zip(GTZAN57.feature_names, is_log, strict=True) if chosen}
    assert found == {name for name in GTZAN57.feature_names if name.endswith("_var")} | {"rms_mean"}


@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, -1e30])
def test_any_finite_feature_stays_within_the_limit(value: float) -> None:
    standard = standardised(np.full((1, GTZAN57.width), value, dtype=np.float32), limit=5.0)
    assert np.isfinite(standard).all()
    assert np.abs(standard).max() <= 5.0


def test_a_feature_that_never_changes_is_nothing() -> None:
    constant = np.full((10, GTZAN57.width), 3.0, dtype=np.float32)
    standardiser = Standardiser.fit(constant, spec=GTZAN57, limit=5.0)
    np.testing.assert_allclose(standardiser(torch.from_numpy(constant)).numpy(), 0.0, atol=1e-4)


def test_what_moves_along_the_line_of_storage_is_not_heard() -> None:
    features = some_features()
    moved = features + np.linspace(-30.0, 30.0, len(features), dtype=np.float32)[:, None] * storage_direction(
        GTZAN57
    )
    np.testing.assert_allclose(standardised(moved), standardised(features), atol=1e-3)


@pytest.mark.slow  # librosa compiles for seconds
def test_losing_the_top_of_the_spectrum_to_a_resampler_is_not_heard() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=GTZAN57.window_samples).astype(np.float32)
    stored = soxr.resample(soxr.resample(noise, 22_050, 44_100, quality="HQ"), 44_100, 22_050, quality="HQ")
    before, after = (
        reference_features(samples[: GTZAN57.window_samples].astype(np.float32)).astype(np.float32)
        for samples in (noise, stored)
    )
    cepstrum = [
        place
        for place, name in enumerate(GTZAN57.feature_names)
        if name.startswith("mfcc") and "mean" in name
    ]
    assert np.abs(after - before)[cepstrum].max() > 2.0
    line = storage_direction(GTZAN57)
    left = (after - before) - ((after - before) @ line) * line
    assert np.abs(left[cepstrum]).max() < 0.3


def test_plain_standardisation_takes_any_width_and_logarithms_where_it_is_told() -> None:
    values = np.random.default_rng(0).lognormal(mean=3.0, sigma=2.0, size=(2_000, 3)).astype(np.float32)
    is_log = np.array([True, False, False])
    standard = Standardiser.plain(values, is_log=is_log, limit=100.0)(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(standard.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=0), 1.0, atol=1e-3)
    expected = (np.log(values[:, 0]) - np.log(values[:, 0]).mean()) / np.log(values[:, 0]).std()
    np.testing.assert_allclose(standard[:, 0], expected, atol=1e-4)
    assert standard[:, 1].max() > 2.0 * standard[:, 0].max()


def test_names_tell_what_spans_decades() -> None:
    assert spans_decades(["rms_mean", "mfcc1_mean", "mfcc1_var", "tempo"]).tolist() == [
        True,
        False,
        True,
        False,
    ]
