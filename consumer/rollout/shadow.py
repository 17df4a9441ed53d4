"""Turns labelled tracks into what another model would have said, and counts how often the two agree."""

from __future__ import annotations

import threading

import structlog

from consumer.metrics import Metrics
from consumer.pipeline.heard import HeardTrack
from consumer.pipeline.scoring import ScorerPort
from modelzoo.aggregate import decide
from modelzoo.registry import Artifact

SHADOW = "shadow"

_log = structlog.get_logger(__name__)


class Shadow:
    """Scores what it hears with the model that it has, if it has one, on a CPU.

    It is called from one thread; `use_model` may come from any other.

    Parameters
    ----------
    metrics : Metrics
        Counts agreement, confidence and failures.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._changing = threading.Lock()
        self._scorer: ScorerPort | None = None

    def use_model(self, artifact: Artifact) -> None:
        """Score with this model from now on; blocks while it loads.

        Raises
        ------
        ModelError
            It cannot be run here; the one before stays.
        """
        from modelzoo.scorer import OnnxScorer  # noqa: PLC0415 - a worker without a shadow has loaded it later

        # Never on a GPU, whose time is the labels'.
        scorer = OnnxScorer(artifact, device="cpu")
        scorer.warm_up()
        with self._changing:
            self._scorer = scorer
            manifest = scorer.manifest
            self._metrics.models.seat(
                SHADOW, name=manifest.name, version=manifest.version, sha256=manifest.sha256
            )

    def __call__(self, heard: HeardTrack) -> None:
        """Score a track and compare; whatever goes wrong is counted and logged."""
        scorer = self._scorer
        if scorer is None:
            return
        models, of_model = self._metrics.models, (scorer.manifest.name, scorer.manifest.version)
        try:
            verdict = decide(scorer(heard.features), scorer.manifest)
        except Exception as exc:  # noqa: BLE001 - a model on trial may fail in any way, and no label with it
            models.shadow_errors.labels(*of_model).inc()
            _log.warning(
                "shadow failed",
                track_id=heard.label.track_id,
                event_id=heard.label.event_id,
                error=f"{type(exc).__name__}: {exc}",
            )
            return
        agrees = verdict.genres[0][0] == heard.label.genres[0].genre
        models.shadow_agreement.labels(*of_model, "true" if agrees else "false").inc()
        status = "labelled" if verdict.genre is not None else "abstained"
        models.tracks.labels(SHADOW, *of_model, status).inc()
        models.confidence.labels(SHADOW, *of_model).observe(verdict.confidence)
