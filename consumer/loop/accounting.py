"""Turns committed outcomes into metrics and log lines: what is counted here is what readers can see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import structlog

from consumer.clock import Clock
from consumer.events import TrackLabelled
from consumer.loop.delivery import Progress, Report
from consumer.loop.outcomes import Ending, Outcome
from consumer.metrics import Metrics
from consumer.trace_context import trace_context_of

_log = structlog.get_logger(__name__)


class OutcomeListener(Protocol):
    """Hears of each committed outcome on the Kafka thread: `consumer.tracing.Tracing`, where it is wanted."""

    def __call__(self, outcome: Outcome, *, now: float, wall_now: float) -> None:
        """Take an outcome committed at `now` (monotonic seconds), `wall_now` since the epoch.

        Never raises, nor blocks.
        """


class Accountant:
    """Counts and logs each outcome once, when its commit is known.

    Parameters
    ----------
    metrics : Metrics
        Where they are counted.
    clock : Clock
        Time.

    Attributes
    ----------
    listener : OutcomeListener or None
        Hears of each outcome too.
    """

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self.listener: OutcomeListener | None = None

    def committed(self, outcomes: Iterable[Outcome]) -> None:
        """Account for outcomes whose transaction, or offsets, were committed."""
        now, wall_now = self._clock.monotonic(), self._clock.wall()
        self._metrics.last_commit.set(wall_now)
        for outcome in outcomes:
            self._metrics.tracks.labels(outcome.ending.value, outcome.reason).inc()
            self._metrics.stage_seconds.labels("publish").observe(max(0.0, now - outcome.settled_at))
            if self.listener is not None:
                self.listener(outcome, now=now, wall_now=wall_now)
            if outcome.label is not None:
                seconds = max(0.0, wall_now - outcome.label.timing.uploaded_at.timestamp())
                self._metrics.stage_seconds.labels("end_to_end").observe(seconds)
                self._count_label(outcome.label)
                self._count_features(outcome)
                self._log_label(outcome, seconds)
            else:
                self._log_failure(outcome)

    def flushed(self, report: Report) -> None:
        """Count how a flush ended (a pending one has not), and say what was in its way."""
        if report.progress is not Progress.PENDING:
            self._metrics.transactions.labels(report.progress.value).inc()
        if report.error is not None:
            self._metrics.kafka_errors.labels(report.error.code).inc()
        if report.progress is not Progress.COMMITTED:
            code = report.error.code if report.error else None
            _log.warning(
                "flush not committed",
                result=report.progress.value,
                code=code,
                error=str(report.error or ""),
                n_refused=len(report.refused),
            )

    def _count_label(self, label: TrackLabelled) -> None:
        if label.genre is not None:
            self._metrics.labels.labels(label.genre).inc()
        self._metrics.confidence.observe(label.confidence)
        for warning in label.audio.warnings:
            self._metrics.audio_warnings.labels(warning).inc()
        if label.declared is not None:
            agrees = {True: "true", False: "false", None: "unknown"}[label.declared.agrees]
            self._metrics.declared_genres.labels(agrees).inc()

    def _count_features(self, outcome: Outcome) -> None:
        if outcome.also:
            self._metrics.feature_records.labels("logged").inc()
        elif outcome.left_out:
            self._metrics.feature_records.labels(outcome.left_out).inc()
            _log.warning("features left out of the log", reason=outcome.left_out, **_where(outcome))

    def _log_label(self, outcome: Outcome, seconds: float) -> None:
        label = outcome.label
        if label is None:
            return
        _log.info(
            "track labelled",
            status=outcome.ending.value,
            genre=label.genre,
            confidence=round(label.confidence, 4),
            seconds=round(seconds, 3),
            model=label.model.name,
            model_version=label.model.version,
            result_id=label.result_id,
            **_where(outcome),
        )

    def _log_failure(self, outcome: Outcome) -> None:
        if outcome.ending is Ending.SKIPPED:
            _log.info("record skipped", reason=outcome.reason, **_where(outcome))
            return
        _log.warning(
            "track dead-lettered" if outcome.ending is Ending.DEAD_LETTERED else "track will be retried",
            reason=outcome.reason,
            error=str(outcome.error),
            **_where(outcome),
        )


def _where(outcome: Outcome) -> dict[str, str | int | None]:
    """Give what every line about an event has, so that it can be followed from upload to label."""
    record, upload, past = outcome.case.record, outcome.case.upload, outcome.case.provenance
    fields: dict[str, str | int | None] = {
        "track_id": upload.event.track_id if upload else None,
        "event_id": upload.event.event_id if upload else None,
        "topic": record.topic_partition.topic,
        "partition": record.topic_partition.partition,
        "offset": record.offset,
        "attempt": past.attempt,
    }
    if past.attempt > 1:
        origin = past.origin.topic_partition
        fields["origin"] = f"{origin.topic}/{origin.partition}/{past.origin.offset}"
    if past.replay_id is not None:
        fields["replay_id"] = past.replay_id
    if (trace := trace_context_of(past.carried)) is not None:
        fields["trace_id"] = trace.trace_id
    return fields
