"""Turns committed outcomes into spans of OpenTelemetry: one an event, with one a stage beneath it.

The event's span is a child of the span that the upload's `traceparent` names, and begins when the pipeline
took the track. Of its stages the durations are measured, and that `publish` ends with the commit; the others
are drawn back from the moment of the label, without gaps: `score`, before it `featurize`, `decode` and
`fetch`. What is left at the front is waiting, most of which is for a free decoding child; what a batch waited
between two stages is drawn there too. A delivery that failed has `publish` alone beneath it, and its error.
Records that are skipped have no span.

Source of names: OpenTelemetry's semantic conventions for messaging (Kafka), and for exceptions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import structlog

from consumer.loop.outcomes import Ending, Outcome
from consumer.trace_context import trace_context_of
from consumer.trace_settings import TraceSettings
from featurizer.errors import MissingExtraError

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
except ImportError as exc:
    raise MissingExtraError(
        "trace.endpoint is set, and opentelemetry is not installed: pip install 'genrestream[trace]'"
    ) from exc

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

_QUEUE_SPANS: Final = 16_384
"""Some 2,700 tracks, for a collector that rests; what comes on top is dropped, and the library warns."""
_BATCH_SPANS: Final = 512
_DELAY_MILLISECONDS: Final = 1_000
_CLOSE_SECONDS: Final = 5.0
"""For the last batch at the end: a collector that does not answer must not hold the worker."""
_NANOSECONDS: Final = 1_000_000_000

_log = structlog.get_logger(__name__)


class Tracing:
    """Makes the spans of each outcome; called by the Kafka thread, which it never blocks.

    Spans leave on a thread of the library's. Never raises: a trace is not worth a track.

    Parameters
    ----------
    settings : TraceSettings
        Sampling and the service's name.
    group : str
        The consumer group.
    exporter : SpanExporter
        Where spans go.
    """

    def __init__(self, settings: TraceSettings, *, group: str, exporter: SpanExporter) -> None:
        release = version("genrestream")
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
            resource=Resource.create({"service.name": settings.service_name, "service.version": release}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_QUEUE_SPANS,
                schedule_delay_millis=_DELAY_MILLISECONDS,
                max_export_batch_size=_BATCH_SPANS,
            )
        )
        self._tracer = self._provider.get_tracer("genrestream", release)
        self._group = group
        self._failed = False

    def __call__(self, outcome: Outcome, *, now: float, wall_now: float) -> None:
        """Take an outcome that was committed at `now` (monotonic seconds), `wall_now` since the epoch."""
        if outcome.ending is Ending.SKIPPED:
            return
        try:
            self._record(outcome, ahead=wall_now - now, committed_at=wall_now)
        except Exception:  # noqa: BLE001 - no trouble with a trace may end a worker
            _log.warning("spans of a track were lost", exc_info=not self._failed)
            self._failed = True

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(_CLOSE_SECONDS)

    def _record(self, outcome: Outcome, *, ahead: float, committed_at: float) -> None:
        settled_at = outcome.settled_at + ahead
        started_at = settled_at if outcome.dispatched_at is None else outcome.dispatched_at + ahead
        if outcome.label is not None:
            started_at = outcome.label.timing.started_at.timestamp()
        span = self._tracer.start_span(
            f"process {outcome.case.provenance.origin.topic_partition.topic}",
            context=_parent(outcome),
            kind=trace.SpanKind.CONSUMER,
            attributes=self._attributes(outcome),
            start_time=_nanoseconds(started_at),
        )
        if span.is_recording():
            within = trace.set_span_in_context(span, Context())
            for name, start, end in (*_stages(outcome), ("publish", settled_at, committed_at)):
                stage = self._tracer.start_span(name, context=within, start_time=_nanoseconds(start))
                stage.end(_nanoseconds(end))
            if outcome.error is not None:
                span.record_exception(outcome.error, timestamp=_nanoseconds(settled_at))
                span.set_status(trace.Status(trace.StatusCode.ERROR, outcome.reason))
        span.end(_nanoseconds(committed_at))

    def _attributes(self, outcome: Outcome) -> dict[str, AttributeValue]:
        record, upload, past = outcome.case.record, outcome.case.upload, outcome.case.provenance
        attributes: dict[str, AttributeValue] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": record.topic_partition.topic,
            "messaging.destination.partition.id": str(record.topic_partition.partition),
            "messaging.kafka.offset": record.offset,
            "messaging.consumer.group.name": self._group,
            "messaging.message.body.size": len(record.value or b""),
            "genrestream.outcome": outcome.ending.value,
            "genrestream.attempt": past.attempt,
        }
        if upload is not None:
            attributes["genrestream.track_id"] = upload.event.track_id
            attributes["messaging.message.id"] = upload.event.event_id
        if outcome.reason:
            attributes["genrestream.reason"] = outcome.reason
        if outcome.error is not None:
            attributes["error.type"] = outcome.reason
        if (label := outcome.label) is not None:
            attributes["genrestream.model"] = label.model.name
            attributes["genrestream.model_version"] = label.model.version
            attributes["genrestream.confidence"] = label.confidence
            attributes["genrestream.windows"] = label.windows.count
            if label.genre is not None:
                attributes["genrestream.genre"] = label.genre
        return attributes


@contextmanager
def open_tracing(settings: TraceSettings, *, group: str) -> Iterator[Tracing]:
    """Send spans to the settings' collector while the body runs."""
    exporter = OTLPSpanExporter(
        endpoint=settings.endpoint,
        headers={name: secret.get_secret_value() for name, secret in settings.headers.items()},
        timeout=settings.timeout_seconds,
        compression=Compression.Gzip,
    )
    tracing = Tracing(settings, group=group, exporter=exporter)
    try:
        yield tracing
    finally:
        tracing.close()


def _parent(outcome: Outcome) -> Context:
    """Give the context of the upload's sender; an empty one where it named none."""
    carried = outcome.case.provenance.carried
    found = trace_context_of(carried)
    if found is None:
        return Context()
    states = [(value or b"").decode("ascii", "replace") for name, value in carried if name == "tracestate"]
    sender = trace.SpanContext(
        int(found.trace_id, 16),
        int(found.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if found.sampled else 0),
        trace_state=trace.TraceState.from_header(states),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(sender), Context())


def _stages(outcome: Outcome) -> list[tuple[str, float, float]]:
    """Give name, start and end (seconds since the epoch) of what a labelled track went through, in order."""
    if outcome.label is None:
        return []
    timing = outcome.label.timing
    first, end = timing.started_at.timestamp(), timing.labelled_at.timestamp()
    stages = []
    for name, seconds in (
        ("score", timing.score_seconds),
        ("featurize", timing.featurize_seconds),
        ("decode", timing.decode_seconds),
        ("fetch", timing.fetch_seconds),
    ):
        start = max(first, end - seconds)  # of a long track beside a GPU decoding and featurizing overlap
        stages.append((name, start, end))
        end = start
    return stages[::-1]


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANOSECONDS)
