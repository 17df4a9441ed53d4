"""Settings say who is tried beside the live model; a bad canary stops the start, a bad shadow does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from consumer.config import Settings, load_settings
from consumer.metrics import Metrics
from consumer.pipeline.heard import Onlooker
from consumer.rollout.service import open_rollout
from modelzoo.errors import ModelNotFoundError
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact, point_latest
from tests.consumer.decoding.processes import eventually
from tests.consumer.rollout.listening import heard
from tests.modelzoo.artifacts import make_manifest, write_model


@dataclass
class Pipeline:
    """Notes what a roll-out asks of it."""

    live: Manifest = field(default_factory=make_manifest)
    lives: list[str] = field(default_factory=list)
    canaries: list[tuple[str, float]] = field(default_factory=list)
    onlooker: Onlooker | None = None

    def use_model(self, artifact: Artifact) -> None:
        self.lives.append(artifact.manifest.version)

    def use_canary(self, artifact: Artifact, *, share: float) -> None:
        self.canaries.append((artifact.manifest.version, share))

    def listen(self, onlooker: Onlooker) -> None:
        self.onlooker = onlooker


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    for version in ("1.0.0", "2.0.0"):
        write_model(tmp_path, version=version)
    point_latest(tmp_path / "linear", "1.0.0")
    return tmp_path


def settings(registry: Path, **model: Any) -> Settings:
    return load_settings(overrides={"model": {"name": "linear", "registry": str(registry), **model}})


def test_without_settings_only_drift_looks_on(registry: Path) -> None:
    pipeline, metrics = Pipeline(), Metrics()
    with open_rollout(settings(registry), pipeline=pipeline, metrics=metrics):
        assert pipeline.onlooker is not None
        pipeline.onlooker(heard())
        assert eventually(lambda: metrics.registry.get_sample_value("genrestream_drift_tracks") == 1)
    assert (pipeline.lives, pipeline.canaries) == ([], [])
    with open_rollout(settings(registry, drift_tracks=0), pipeline=(deaf := Pipeline()), metrics=Metrics()):
        assert deaf.onlooker is None


def test_a_canary_takes_its_share_and_follows_the_pointer(registry: Path) -> None:
    pipeline = Pipeline()
    wanted = settings(registry, version="1.0.0", canary="linear", canary_share=0.1, reload_seconds=0.01)
    with open_rollout(wanted, pipeline=pipeline, metrics=Metrics()):
        point_latest(registry / "linear", "2.0.0")
        assert eventually(lambda: pipeline.canaries == [("1.0.0", 0.1), ("2.0.0", 0.1)])
    assert pipeline.lives == []  # it is pinned


def test_a_canary_without_a_share_is_not_loaded(registry: Path) -> None:
    pipeline = Pipeline()
    with open_rollout(settings(registry, canary="absent"), pipeline=pipeline, metrics=Metrics()):
        assert pipeline.canaries == []


def test_a_canary_that_is_not_there_stops_the_start(registry: Path) -> None:
    wanted = settings(registry, canary="linear@9.0.0", canary_share=0.1)
    with (
        pytest.raises(ModelNotFoundError),
        open_rollout(wanted, pipeline=Pipeline(), metrics=Metrics()),
    ):
        pass


def test_a_shadow_that_is_not_there_is_shown_and_tried_again(registry: Path) -> None:
    metrics = Metrics()
    wanted = settings(registry, shadow="linear@3.0.0", reload_seconds=0.01)

    def failing() -> float | None:
        return metrics.registry.get_sample_value("genrestream_model_reload_failing", {"role": "shadow"})

    pipeline = Pipeline()
    with open_rollout(wanted, pipeline=pipeline, metrics=metrics):
        assert failing() == 1
        write_model(registry, version="3.0.0")
        assert eventually(lambda: failing() == 0)
        assert pipeline.onlooker is not None
        pipeline.onlooker(heard())
        shadow = {"role": "shadow", "name": "linear", "version": "3.0.0", "status": "labelled"}
        assert eventually(
            lambda: metrics.registry.get_sample_value("genrestream_model_tracks_total", shadow) == 1
        )


def test_a_pointer_that_moves_without_reloading_changes_nothing(registry: Path) -> None:
    pipeline = Pipeline()
    wanted = settings(registry, shadow="linear@1.0.0")
    point_latest(registry / "linear", "2.0.0")  # between the load of the live model and this
    with open_rollout(wanted, pipeline=pipeline, metrics=Metrics()):
        assert pipeline.lives == []
