"""Turns what happens in a worker into Prometheus metrics: every metric once, typed, with its help text."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from consumer.errors import track_reasons
from consumer.model_metrics import ModelMetrics

_LATENCY_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    1.5,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
)
"""Seconds: a 30-second track takes tenths of one; the goals, 0.5 and 1.5, are bounds of buckets."""
_COUNT_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)

STAGES: Final = ("fetch", "decode", "wait", "featurize", "score", "publish", "end_to_end")
"""`wait` is time in queues and batches; `end_to_end` runs from `uploaded_at` to the committed label."""
CPU_STAGES: Final = ("fetch", "decode", "featurize", "score")
"""What a track cannot be labelled without; the rest of the CPU time of worker and children is overhead."""
OUTCOMES: Final = ("labelled", "abstained", "retried", "dead_lettered", "skipped")
TRANSACTION_RESULTS: Final = ("committed", "aborted", "fenced", "skipped_membership")
RESTART_CAUSES: Final = ("crashed", "hung", "out_of_memory", "idle_death")
REBALANCE_KINDS: Final = ("assigned", "revoked", "lost")
FEATURE_RESULTS: Final = ("logged", "too_large", "refused")


class Metrics:
    """Every metric of a worker; attributes are prometheus_client's own types, safe from any thread.

    What an alert counts is there from the start, at 0: a counter that appears with its first event has no
    increase that Prometheus could see. The process's own metrics (`process_start_time_seconds`, ...) are
    there too, on Linux.

    Parameters
    ----------
    registry : CollectorRegistry, optional
        Where the metrics are registered; a fresh one where null.

    Attributes
    ----------
    models : ModelMetrics
        Those that tell models apart.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._track_metrics()
        self._kafka_metrics()
        self._machine_metrics()
        self._begin_at_zero()
        self.models = ModelMetrics(self.registry)
        ProcessCollector(registry=self.registry)

    def expose(self) -> tuple[str, bytes]:
        """Give the content type and the body that Prometheus scrapes."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)

    def _begin_at_zero(self) -> None:
        self.tracks.labels("labelled", "")
        for reason in sorted(track_reasons()):
            self.tracks.labels("dead_lettered", reason)
        for result in TRANSACTION_RESULTS:
            self.transactions.labels(result)
        for cause in RESTART_CAUSES:
            self.decoder_restarts.labels(cause)
        for kind in REBALANCE_KINDS:
            self.rebalances.labels(kind)
        for result in FEATURE_RESULTS:
            self.feature_records.labels(result)

    def _track_metrics(self) -> None:
        self.tracks = Counter(
            "genrestream_tracks",
            "Events that ended in a committed outcome: labelled, abstained, retried, dead_lettered, skipped.",
            ["outcome", "reason"],
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "genrestream_stage_seconds",
            "Seconds a track spent in a stage; end_to_end is from uploaded_at to the committed label.",
            ["stage"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        self.stage_cpu_seconds = Counter(
            "genrestream_stage_cpu_seconds",
            "CPU seconds that finished tracks took in a stage, on the CPU that did it.",
            ["stage"],
            registry=self.registry,
        )
        for stage in CPU_STAGES:
            self.stage_cpu_seconds.labels(stage)
        self.feature_records = Counter(
            "genrestream_feature_records",
            "Labelled tracks whose features are kept: logged, or left out (too_large, refused).",
            ["result"],
            registry=self.registry,
        )
        self.batch_windows = Histogram(
            "genrestream_batch_windows",
            "Windows scored in one batch.",
            buckets=_COUNT_BUCKETS,
            registry=self.registry,
        )
        self.batch_tracks = Histogram(
            "genrestream_batch_tracks",
            "Tracks that shared one batch.",
            buckets=_COUNT_BUCKETS,
            registry=self.registry,
        )
        self.windows = Counter("genrestream_windows", "Windows scored.", registry=self.registry)
        self.audio_seconds = Counter(
            "genrestream_audio_seconds", "Seconds of audio decoded.", registry=self.registry
        )
        self.audio_warnings = Counter(
            "genrestream_audio_warnings",
            "Labelled tracks whose audio carries a warning.",
            ["warning"],
            registry=self.registry,
        )
        self.labels = Counter("genrestream_labels", "Labels by top genre.", ["genre"], registry=self.registry)
        self.confidence = Histogram(
            "genrestream_confidence",
            "Calibrated confidence of scored tracks, as a ratio.",
            buckets=tuple(tenth / 10 for tenth in range(1, 11)),
            registry=self.registry,
        )
        self.declared_genres = Counter(
            "genrestream_declared_genres",
            "Uploads that declared a genre: agrees (true, false), or unknown to the model.",
            ["agrees"],
            registry=self.registry,
        )

    def _kafka_metrics(self) -> None:
        self.in_flight = Gauge(
            "genrestream_in_flight_tracks",
            "Tracks dispatched and not yet ended.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.backlog = Gauge(
            "genrestream_backlog_records",
            "Records consumed and held back for want of credits or time.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.consumer_lag = Gauge(
            "genrestream_consumer_lag_records",
            "Records between the committed offset and the end of the partition.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.head_age_seconds = Gauge(
            "genrestream_head_age_seconds",
            "Age of the oldest dispatched, unfinished record: what holds the commit back.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.assigned_partitions = Gauge(
            "genrestream_assigned_partitions", "Partitions this worker owns.", registry=self.registry
        )
        self.rebalances = Counter(
            "genrestream_rebalances",
            "Rebalance callbacks (assigned, revoked, lost).",
            ["kind"],
            registry=self.registry,
        )
        self.transactions = Counter(
            "genrestream_transactions",
            "Flushes by how they ended (committed, aborted, fenced, skipped_membership).",
            ["result"],
            registry=self.registry,
        )
        self.last_commit = Gauge(
            "genrestream_last_commit_timestamp_seconds",
            "When outcomes were committed last, in Unix time by the worker's clock; 0 before the first.",
            registry=self.registry,
        )
        self.stale_completions = Counter(
            "genrestream_stale_completions",
            "Completions dropped because their partition had moved or their deadline had passed.",
            registry=self.registry,
        )
        self.kafka_errors = Counter(
            "genrestream_kafka_errors", "Client errors by code.", ["code"], registry=self.registry
        )
        self.poll_age_seconds = Gauge(
            "genrestream_poll_age_seconds", "Seconds since the poll loop last turned.", registry=self.registry
        )

    def _machine_metrics(self) -> None:
        self.decoders = Gauge(
            "genrestream_decoders", "Decoding children that are alive.", registry=self.registry
        )
        self.decoder_restarts = Counter(
            "genrestream_decoder_restarts",
            "Decoding children replaced (crashed, hung, out_of_memory, idle_death).",
            ["cause"],
            registry=self.registry,
        )
        self.fetch_retries = Counter(
            "genrestream_fetch_retries",
            "In-process fetch retries by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.fetched_bytes = Counter(
            "genrestream_fetched_bytes", "Bytes of encoded audio fetched.", registry=self.registry
        )
        self.model = Info(
            "genrestream_model",
            "The model that speaks: name, version, features, sha256.",
            registry=self.registry,
        )
        self.worker = Info(
            "genrestream_worker",
            "Which consumer group the worker serves, and how it delivers; the others are joined to it.",
            registry=self.registry,
        )
        self.device = Info(
            "genrestream_device",
            "Where features and scores are computed: featurizer, scorer.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "genrestream_ready", "1 while partitions can be served, as /readyz says.", registry=self.registry
        )
