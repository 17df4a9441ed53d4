"""Turns settings into a running worker: pipeline, Kafka ports, poll loop, metrics and probes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Final

import structlog

from consumer.config import Settings
from consumer.errors import ConsumerError, exit_status, reason
from consumer.health import HealthServer, Probes, Report
from consumer.metrics import Metrics
from consumer.rollout.sources import load_model
from featurizer.errors import FeaturizerError
from modelzoo.errors import ModelError

if TYPE_CHECKING:
    from consumer.loop.accounting import OutcomeListener
    from consumer.loop.kafka_loop import KafkaLoop
    from consumer.pipeline.pipeline import Pipeline
    from consumer.ports import ConsumerPort

_LOOK_SECONDS: Final = 0.05
_MOST_POLL_AGE_SECONDS: Final = 60.0
"""A flush takes 10 s at most and a revoke 15 s, so a loop that has not turned for so long never will."""

_log = structlog.get_logger(__name__)


@contextmanager
def open_pipeline(settings: Settings, *, metrics: Metrics | None = None) -> Iterator[Pipeline]:
    """Load the model and start the engine that labels tracks, children first; all of it ends with the body.

    Raises
    ------
    ModelError
        The model is missing, altered, or fitted to other features.
    DeviceUnavailableError, ProviderUnavailableError
        The device that the settings ask for is not there.
    """
    artifact = load_model(settings)
    # Imported here: a model that is missing is told at once, before what is heavy has loaded.
    from consumer.pipeline.pipeline import Pipeline  # noqa: PLC0415

    pipeline = Pipeline(settings, artifact=artifact, metrics=metrics or Metrics())
    try:
        yield pipeline
    finally:
        pipeline.close()


def with_port_of_slot(settings: Settings) -> Settings:
    """Give each worker of a host a port of its own: the configured one for slot 0, the next for slot 1 ..."""
    serve = settings.serve
    port = serve.port + settings.kafka.slot if serve.port else 0
    return settings.model_copy(update={"serve": serve.model_copy(update={"port": port})})


class Worker:
    """One member of the consumer group. `run` blocks its thread; everything else may be called from any.

    Parameters
    ----------
    settings : Settings
        The tree.
    metrics : Metrics, optional
        Where everything is counted; fresh ones where null.
    clock : callable
        Monotonic seconds.

    Attributes
    ----------
    metrics : Metrics
        What `/metrics` shows.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.metrics = metrics or Metrics()
        self.metrics.worker.info({"group": settings.kafka.group, "delivery": settings.kafka.delivery.value})
        self._settings = settings
        self._clock = clock
        self._stop_requests = 0
        self._pipeline: Pipeline | None = None
        self._loop: KafkaLoop | None = None
        self._port: int | None = None

    @property
    def port(self) -> int | None:
        """Where metrics and probes listen; None before they do."""
        return self._port

    def run(self) -> None:
        """Work until a stop is asked for, then drain; blocks.

        Raises
        ------
        FatalError, ModelError, DeviceUnavailableError
            The worker cannot go on; `consumer.errors.exit_status` tells the causes apart.
        """
        tracing = self._trace()  # first: what is not installed is told before a model is loaded
        probes = Probes(metrics=self._show_metrics, health=self.health, ready=self.readiness)
        with (
            HealthServer(self._settings.serve, probes=probes) as server,
            open_pipeline(self._settings, metrics=self.metrics) as pipeline,
            self._roll_out(pipeline),
            tracing as listener,
        ):
            self._port = server.port
            self._pipeline = pipeline
            consumer = self._make_consumer()
            try:
                self._await_pipeline(pipeline)
                loop = self._make_loop(pipeline, consumer)
            except BaseException:
                consumer.close()
                raise
            if listener is not None:
                loop.listen(listener)
            self._run_loop(loop, pipeline)
        _log.info("worker ended")

    def request_stop(self) -> None:
        """Ask for a drain and an orderly end; a second time, for an end without a drain.

        May be called from a signal handler.
        """
        self._stop_requests += 1
        if self._loop is not None:
            self._loop.request_stop()

    def health(self) -> Report:
        """Say whether the poll loop turns; a worker that still starts is well."""
        if self._loop is None:
            return Report(ok=True, why="starting")
        age = self._clock() - self._loop.snapshot.polled_at
        limit = min(_MOST_POLL_AGE_SECONDS, self._settings.kafka.max_poll_interval_seconds)
        figures = {"poll_age_seconds": round(age, 3), "limit_seconds": limit}
        if age > limit:
            return Report(ok=False, why="the poll loop does not turn: restart this worker", details=figures)
        return Report(ok=True, why="the poll loop turns", details=figures)

    def readiness(self) -> Report:
        """Say whether partitions can be served."""
        if self._pipeline is None:
            return Report(ok=False, why="the model is being loaded")
        if not self._pipeline.ready:
            return Report(ok=False, why="the decoding children are not warm")
        if self._loop is None or not self._loop.snapshot.joined:
            return Report(ok=False, why="the consumer group is not joined")
        snapshot = self._loop.snapshot
        figures = {"assigned_partitions": len(snapshot.partitions), "in_flight_tracks": snapshot.in_flight}
        if snapshot.stopping:
            return Report(ok=False, why="draining before the end", details=figures)
        return Report(ok=True, why="serving", details=figures)

    def _roll_out(self, pipeline: Pipeline) -> AbstractContextManager[None]:
        """Load whom the settings try beside the live model, while the children warm up."""
        from consumer.rollout.service import open_rollout  # noqa: PLC0415 - loads numpy

        return open_rollout(self._settings, pipeline=pipeline, metrics=self.metrics)

    def _await_pipeline(self, pipeline: Pipeline) -> None:
        """Join the group only when tracks can be labelled: until then other members serve the partitions."""
        while not pipeline.ready and not self._stop_requests:
            pipeline.check()
            time.sleep(_LOOK_SECONDS)

    def _make_consumer(self) -> ConsumerPort:
        """Load the Kafka client, and let it find its brokers, while the children warm up."""
        # librdkafka starts threads of its own: it is loaded once the children's server is there.
        from consumer.kafka import KafkaConsumer  # noqa: PLC0415

        return KafkaConsumer(self._settings.kafka)

    def _trace(self) -> AbstractContextManager[OutcomeListener | None]:
        """Load what sends spans, where it is wanted; it begins once the children are there."""
        if self._settings.trace.endpoint is None:
            return nullcontext()
        from consumer.tracing import open_tracing  # noqa: PLC0415 - loads OpenTelemetry

        return open_tracing(self._settings.trace, group=self._settings.kafka.group)

    def _make_loop(self, pipeline: Pipeline, consumer: ConsumerPort) -> KafkaLoop:
        from consumer.kafka import KafkaProducer  # noqa: PLC0415 - see _make_consumer
        from consumer.loop.kafka_loop import KafkaLoop  # noqa: PLC0415

        settings = self._settings
        return KafkaLoop(
            settings,
            consumer=consumer,
            new_producer=lambda: KafkaProducer(settings.kafka, topics=settings.topics),
            engine=pipeline,
            metrics=self.metrics,
        )

    def _run_loop(self, loop: KafkaLoop, pipeline: Pipeline) -> None:
        if self._stop_requests:
            loop.close()
            return
        self._loop = loop
        for _ in range(self._stop_requests):  # a signal may have come just now
            loop.request_stop()
        self._announce(pipeline)
        loop.run()

    def _announce(self, pipeline: Pipeline) -> None:
        settings = self._settings
        _log.info(
            "worker started",
            **pipeline.describe(),
            bootstrap_servers=settings.kafka.bootstrap_servers,
            group=settings.kafka.group,
            delivery=settings.kafka.delivery.value,
            inputs=list(settings.topics.inputs),
            labels=settings.topics.labels,
            dead_letters=settings.topics.dead_letters,
            metrics=f"http://{settings.serve.host}:{self._port}/metrics",
        )

    def _show_metrics(self) -> tuple[str, bytes]:
        self.metrics.ready.set(self.readiness().ok)
        return self.metrics.expose()


def run_until_signalled(worker: Worker) -> int:
    """Run a worker on the main thread and give the exit status; fatal errors are logged, not raised.

    The first SIGTERM or SIGINT drains (0 after SIGTERM, 130 after SIGINT); the second ends the process at
    once, which is safe: what was not committed is read again.
    """
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        worker.request_stop()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        worker.run()
    except (ConsumerError, ModelError, FeaturizerError) as exc:
        status = exit_status(exc)
        _log.error("worker failed", reason=reason(exc), error=str(exc), exit_status=status)
        return status
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 + signal.SIGINT if signal.SIGINT in received else 0
