"""Tracks that share a batch are scored as if each were alone, by the model that each one keeps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.config import BatchSettings
from consumer.metrics import Metrics
from consumer.pipeline.scoring import BatchScorer
from modelzoo.errors import ArtifactCorruptError
from modelzoo.manifest import Manifest
from tests.modelzoo.artifacts import make_manifest

Array = NDArray[np.float32]


class Echo:
    """Gives its features' first columns plus a number of its own; refuses batches that hold a 13."""

    def __init__(self, own: float) -> None:
        self.own = own
        self.sizes: list[int] = []
        self.manifest: Manifest = make_manifest()

    def __call__(self, features: Array) -> Array:
        self.sizes.append(len(features))
        if 13.0 in features:
            raise ArithmeticError("thirteen")
        if 666.0 in features:
            raise ArtifactCorruptError("the model is broken")
        return features[:, :3] + np.float32(self.own)


def rows(value: float, count: int) -> Array:
    return np.full((count, 57), value, dtype=np.float32)


def scorer(metrics: Metrics | None = None, *, max_windows: int = 10) -> BatchScorer[str]:
    settings = BatchSettings(max_windows=max_windows, max_wait_seconds=5.0)
    return BatchScorer(settings, metrics=metrics or Metrics(), clock=lambda: 0.0)


def test_tracks_share_a_batch_and_get_their_own_rows_back() -> None:
    metrics, model, batch = Metrics(), Echo(0.5), scorer()
    batch = scorer(metrics)
    for name, value, count in (("a", 1.0, 2), ("b", 2.0, 3), ("c", 3.0, 1)):
        batch.add(name, features=rows(value, count), scorer=model)
    results = {scored.key: scored.result for scored in batch.run(alone=True)}
    assert model.sizes == [6]
    for name, value, count in (("a", 1.5, 2), ("b", 2.5, 3), ("c", 3.5, 1)):
        np.testing.assert_array_equal(results[name], np.full((count, 3), value, dtype=np.float32))
    assert metrics.registry.get_sample_value("genrestream_batch_tracks_sum") == 3
    assert metrics.registry.get_sample_value("genrestream_windows_total") == 6


def test_a_batch_waits_for_company_until_it_is_due() -> None:
    model, batch = Echo(0.0), scorer()
    batch.add("a", features=rows(1.0, 2), scorer=model)
    assert batch.run(alone=False) == []
    assert batch.due_at() == 5.0
    batch.add("b", features=rows(1.0, 8), scorer=model)
    assert {scored.key for scored in batch.run(alone=False)} == {"a", "b"}


def test_each_track_is_scored_by_its_own_model() -> None:
    old, new, batch = Echo(0.0), Echo(10.0), scorer()
    for name, model in (("a", old), ("b", new), ("c", old)):
        batch.add(name, features=rows(1.0, 1), scorer=model)
    results = {scored.key: scored.result for scored in batch.run(alone=True)}
    assert [np.asarray(results[name])[0, 0] for name in "abc"] == [1.0, 11.0, 1.0]
    assert (old.sizes, new.sizes) == ([2], [1])


def test_a_track_that_cannot_be_scored_fails_alone() -> None:
    model, batch = Echo(0.0), scorer()
    for name, value in (("a", 1.0), ("bad", 13.0), ("c", 2.0)):
        batch.add(name, features=rows(value, 1), scorer=model)
    results = {scored.key: scored.result for scored in batch.run(alone=True)}
    assert isinstance(results["bad"], ArithmeticError)
    assert np.asarray(results["a"])[0, 0] == 1.0
    assert np.asarray(results["c"])[0, 0] == 2.0


def test_a_broken_model_is_nobodys_track() -> None:
    batch = scorer()
    batch.add("a", features=rows(666.0, 1), scorer=Echo(0.0))
    with pytest.raises(ArtifactCorruptError):
        batch.run(alone=True)
