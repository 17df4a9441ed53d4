"""Turns settings into a running roll-out beside a worker's pipeline: canary, shadow, drift and hot reload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Protocol

import structlog

from consumer.config import Settings
from consumer.metrics import Metrics
from consumer.model_settings import LATEST, Reference, parse_reference
from consumer.pipeline.heard import Onlooker
from consumer.rollout.aside import Aside
from consumer.rollout.drift import DriftMonitor
from consumer.rollout.shadow import SHADOW, Shadow
from consumer.rollout.sources import ModelSource, open_source
from consumer.rollout.watcher import ModelWatcher, Seat
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact

_log = structlog.get_logger(__name__)


class RollingPipeline(Protocol):
    """What a roll-out asks of a pipeline; `consumer.pipeline.pipeline.Pipeline` is one."""

    @property
    def live(self) -> Manifest:
        """Describes the live model."""

    def use_model(self, artifact: Artifact) -> None:
        """Have another model speak."""

    def use_canary(self, artifact: Artifact, *, share: float) -> None:
        """Have another model speak for a share of the tracks."""

    def listen(self, onlooker: Onlooker) -> None:
        """Tell `onlooker` of every labelled track."""


@contextmanager
def open_rollout(settings: Settings, *, pipeline: RollingPipeline, metrics: Metrics) -> Iterator[None]:
    """Put canary and shadow in their places and watch the registry, for as long as the body runs.

    Raises
    ------
    ModelError
        The canary cannot be loaded: it would speak, and the same tracks must be its on every worker. A shadow
        that cannot is counted, and tried again where models are reloaded.
    """
    wanted = settings.model
    source = open_source(settings)
    seats = [_live_seat(settings, pipeline)]
    if wanted.canary is not None and wanted.canary_share > 0:
        seats.append(_canary_seat(source, settings, pipeline))
    shadow = Shadow(metrics)
    if wanted.shadow is not None:
        seats.append(Seat(SHADOW, parse_reference(wanted.shadow), shadow.use_model))
    watcher = ModelWatcher(source, seats=seats, metrics=metrics)
    with ExitStack() as stack:
        onlookers: list[Onlooker] = []
        if wanted.shadow is not None:
            onlookers.append(shadow)
            watcher.look(SHADOW)
        if wanted.drift_tracks:
            onlookers.append(DriftMonitor(metrics.models, tracks=wanted.drift_tracks))
        if onlookers:
            aside = Aside(onlookers, metrics=metrics)
            stack.callback(aside.close)
            pipeline.listen(aside)
        if wanted.reload_seconds:
            if wanted.version != LATEST:
                _log.info("the live model is pinned: it is not reloaded", version=wanted.version)
            stack.callback(watcher.close)
            watcher.start(wanted.reload_seconds)
        yield


def _live_seat(settings: Settings, pipeline: RollingPipeline) -> Seat:
    wanted = settings.model
    return Seat(
        "live", Reference(wanted.name, wanted.version), pipeline.use_model, version=pipeline.live.version
    )


def _canary_seat(source: ModelSource, settings: Settings, pipeline: RollingPipeline) -> Seat:
    wanted = parse_reference(settings.model.canary or "")
    use = partial(pipeline.use_canary, share=settings.model.canary_share)
    artifact = source.load(wanted.name, version=wanted.version)
    use(artifact)
    return Seat("canary", wanted, use, version=artifact.manifest.version)
