"""The network is the published one, and its standardisation bears whatever features come."""

from __future__ import annotations

import numpy as np
import torch

from featurizer.spec import GTZAN57
from training.network import GenreMlp, Standardiser


def test_the_layers_hold_as_many_parameters_as_published() -> None:
    network = GenreMlp(width=57, n_genres=10)
    counts = [sum(value.numel() for value in layer.parameters()) for layer in network.layers()]
    assert counts == [14_848, 32_896, 8_256, 650]
    assert sum(value.numel() for value in network.parameters()) == sum(counts)


def test_dropout_works_in_training_only() -> None:
    network = GenreMlp(width=57, n_genres=10)
    features = torch.ones(4, 57)
    assert not torch.equal(network(features), network(features))
    network.eval()
    assert torch.equal(network(features), network(features))


def test_standardised_features_have_no_mean_and_unit_deviation() -> None:
    rng = np.random.default_rng(0)
    features = rng.lognormal(mean=3.0, size=(500, 57)).astype(np.float32)
    standardiser = Standardiser.fit(features, feature_names=GTZAN57.feature_names, limit=100.0)
    standard = standardiser(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(standard.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=0), 1.0, atol=1e-3)


def test_variances_are_taken_as_logarithms_and_means_are_not() -> None:
    features = np.exp(np.random.default_rng(0).normal(size=(500, 57))).astype(np.float32)
    standardiser = Standardiser.fit(features, feature_names=GTZAN57.feature_names, limit=100.0)
    is_log = dict(zip(GTZAN57.feature_names, standardiser.is_log.tolist(), strict=True))
    assert is_log["mfcc1_var"]
    assert is_log["rms_mean"]
    assert not is_log["mfcc1_mean"]
    assert not is_log["tempo"]


def test_constant_zero_negative_and_huge_features_stay_within_the_limit() -> None:
    features = np.zeros((10, 57), dtype=np.float32)
    features[:, 1] = np.arange(10)
    standardiser = Standardiser.fit(features, feature_names=GTZAN57.feature_names, limit=5.0)
    for value in (0.0, -1.0, 1e30):
        standard = standardiser(torch.full((1, 57), value))
        assert bool(torch.isfinite(standard).all())
        assert float(standard.abs().max()) <= 5.0
