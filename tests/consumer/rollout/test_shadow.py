"""A shadow is asked and not heard: it is counted, and whatever it does harms no label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consumer.metrics import Metrics
from consumer.rollout.shadow import Shadow
from modelzoo.aggregate import decide
from modelzoo.errors import ArtifactCorruptError
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer
from tests.consumer.pipelines import linear_artifact
from tests.consumer.rollout.listening import WIDTH, heard
from tests.modelzoo.artifacts import write_model

MODEL = {"name": "linear", "version": "1.0.0"}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def count(metrics: Metrics, agrees: str) -> float:
    return (
        metrics.registry.get_sample_value("genrestream_shadow_agreement_total", {**MODEL, "agrees": agrees})
        or 0.0
    )


def test_agreement_with_the_label_is_counted_with_the_confidence(metrics: Metrics, tmp_path: Path) -> None:
    artifact = linear_artifact(tmp_path)
    shadow, scorer = Shadow(metrics), OnnxScorer(artifact, device="cpu")
    shadow.use_model(artifact)
    rng = np.random.default_rng(2)
    agreeing = 0
    for _ in range(40):
        features = rng.normal(size=(4, WIDTH)).astype(np.float32)
        agreeing += decide(scorer(features), scorer.manifest).genres[0][0] == "jazz"
        shadow(heard(features, genre="jazz"))
    assert 0 < agreeing < 40
    assert (count(metrics, "true"), count(metrics, "false")) == (agreeing, 40 - agreeing)
    of_shadow = {**MODEL, "role": "shadow"}
    assert metrics.registry.get_sample_value("genrestream_model_confidence_count", of_shadow) == 40
    tracks = metrics.registry.get_sample_value(
        "genrestream_model_tracks_total", {**of_shadow, "status": "labelled"}
    )
    assert tracks == 40


def test_a_track_that_it_cannot_score_is_counted_and_raises_nothing(metrics: Metrics, tmp_path: Path) -> None:
    shadow = Shadow(metrics)
    shadow(heard())  # nobody is there yet
    shadow.use_model(linear_artifact(tmp_path))
    shadow(heard(np.zeros((2, 3), dtype=np.float32)))
    assert metrics.registry.get_sample_value("genrestream_shadow_errors_total", MODEL) == 1
    assert count(metrics, "true") + count(metrics, "false") == 0


def test_a_shadow_that_cannot_be_run_leaves_the_one_before(metrics: Metrics, tmp_path: Path) -> None:
    shadow = Shadow(metrics)
    shadow.use_model(linear_artifact(tmp_path / "good"))
    write_model(tmp_path / "bad", version="2.0.0", model=b"no graph")
    with pytest.raises(ArtifactCorruptError):
        shadow.use_model(Registry(tmp_path / "bad").load("linear", version="2.0.0"))
    shadow(heard())
    assert count(metrics, "true") + count(metrics, "false") == 1
