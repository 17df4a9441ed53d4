"""Scaled columns have one size, and directions in which a track's own windows differ count less."""

from __future__ import annotations

import numpy as np

from tests.training.models.tabular.tables import NAMES, make_windows
from training.models.tabular.scaling import LIMIT, Scaling
from training.windows import LabelledWindows


def test_scaled_rows_have_weighted_mean_0_and_deviation_1() -> None:
    windows = make_windows()
    weights = np.random.default_rng(0).uniform(0.1, 2.0, size=len(windows)).astype(np.float32)
    weighed = LabelledWindows(windows.inputs, windows.genres, windows.tracks, weights)
    rows = Scaling.fit(weighed, feature_names=NAMES)(windows.inputs)
    assert np.abs(rows).max() < LIMIT
    np.testing.assert_allclose(np.average(rows, axis=0, weights=weights), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.average(rows**2, axis=0, weights=weights), 1.0, atol=1e-9)


def test_variances_and_loudness_are_taken_as_logarithms() -> None:
    windows = make_windows()
    scaling = Scaling.fit(windows, feature_names=NAMES)
    larger = scaling(windows.inputs * np.float32(np.e)) - scaling(windows.inputs)
    is_log = np.array([True, True, False, False, True, False])
    assert (np.ptp(larger, axis=0) < 1e-6).tolist() == is_log.tolist()


def test_windows_of_one_track_scatter_alike_in_every_direction() -> None:
    rng = np.random.default_rng(0)
    tracks = np.repeat([f"t{place}" for place in range(100)], 10)
    nuisance = rng.normal(size=(1_000, 2)) @ np.array([[3.0, 1.0], [0.0, 0.1]])
    rows = (np.repeat(rng.normal(size=(100, 2)), 10, axis=0) + nuisance).astype(np.float32)
    windows = LabelledWindows(rows, np.full(1_000, "rock"), tracks, np.ones(1_000, dtype=np.float32))
    scaled = Scaling.fit_within_tracks(windows, feature_names=(), shrinkage=1e-6)(rows)
    middles = np.repeat(scaled.reshape(100, 10, 2).mean(axis=1), 10, axis=0)
    scatter = np.cov((scaled - middles).T)
    np.testing.assert_allclose(scatter / scatter[0, 0], np.eye(2), atol=0.02)
    np.testing.assert_allclose(scaled.var(), 1.0, atol=0.01)


def test_without_two_windows_a_track_the_scaling_is_plain() -> None:
    windows = make_windows(n_windows=1)
    within = Scaling.fit_within_tracks(windows, feature_names=NAMES, shrinkage=0.1)
    assert within.turn is None
