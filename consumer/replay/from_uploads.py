"""Turns a plan over upload topics into new labels, by the worker's own loop and pipeline."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from consumer.config import Settings
from consumer.jobs import Engine
from consumer.loop.adapters import Reader
from consumer.metrics import Metrics
from consumer.replay.newest import Chosen
from consumer.replay.pace import Pace
from consumer.replay.plan import Plan, member_settings
from consumer.replay.range_consumer import RangeConsumer
from consumer.replay.selection import Selection, places_of
from consumer.replay.stamping import StampingEngine
from modelzoo.registry import Artifact

if TYPE_CHECKING:
    from consumer.loop.kafka_loop import KafkaLoop

_UNIQUE_BYTES: Final = 6


class WarmingEngine(Engine, Protocol):
    """An engine that takes a while to warm up: the pipeline."""

    @property
    def ready(self) -> bool:
        """Whether it has."""


@contextmanager
def open_engine(settings: Settings, *, artifact: Artifact, metrics: Metrics) -> Iterator[WarmingEngine]:
    """Start the engine that labels tracks by this model and no other; it ends with the body.

    Raises
    ------
    ModelError
        The model cannot be run here.
    DeviceUnavailableError
        The device that the settings ask for is not there.
    """
    # Imported here: the model is told to be missing at once, before what is heavy has loaded.
    from consumer.pipeline.pipeline import Pipeline  # noqa: PLC0415

    pipeline = Pipeline(settings, artifact=artifact, metrics=metrics)
    try:
        yield pipeline
    finally:
        pipeline.close()


def transactional_id_of(plan: Plan) -> str:
    """Give a transactional.id that no other process has or had: processes of a replay need no numbers."""
    return f"{plan.group}.{secrets.token_hex(_UNIQUE_BYTES)}"


class UploadReplay:
    """One process of a replay of uploads. `run` blocks its thread; `request_stop` may be called from any.

    What the live group does, and its labels, are left alone. Each upload of the plan that is not superseded
    ends in one new label or one dead letter, in a transaction with its offset; others who share the plan take
    their part of the partitions.

    Parameters
    ----------
    settings : Settings
        The service's.
    plan : Plan
        What was agreed.
    engine : Engine
        Labels tracks by the plan's model; closed by its owner.
    chosen : Chosen or None
        The uploads that are to be labelled, as `newest_uploads` gives them; all where null.
    rate : float or None
        Most tracks a second of this process.
    metrics : Metrics
        Where the loop counts.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        plan: Plan,
        engine: Engine,
        chosen: Chosen | None,
        rate: float | None,
        metrics: Metrics,
    ) -> None:
        self._settings = member_settings(settings, plan, transactional_id=transactional_id_of(plan))
        self._plan = plan
        self._engine = StampingEngine(engine, replay_id=plan.replay_id, model_sha256=plan.terms.sha256)
        self._selection = Selection(
            Reader(settings.topics), replay_id=plan.replay_id, places=places_of(plan.ranges), chosen=chosen
        )
        self._pace = Pace(rate)
        self._metrics = metrics
        self._stop_requests = 0
        self._loop: KafkaLoop | None = None

    def run(self) -> None:
        """Label until a stop is asked for, then drain; blocks. When all is done is `ProgressWatch`'s to say.

        Raises
        ------
        FatalError, ModelError, DeviceUnavailableError
            The process cannot go on.
        """
        loop = self._loop = self._make_loop()
        for _ in range(self._stop_requests):  # one may have come just now
            loop.request_stop()
        loop.run()

    def request_stop(self) -> None:
        """Ask for a drain and an orderly end; a second time, for an end without a drain."""
        self._stop_requests += 1
        if self._loop is not None:
            self._loop.request_stop()

    def _make_loop(self) -> KafkaLoop:
        # librdkafka starts threads of its own: it is loaded once the children's server is there.
        from consumer.kafka import KafkaConsumer, KafkaProducer  # noqa: PLC0415
        from consumer.loop.kafka_loop import KafkaLoop  # noqa: PLC0415

        settings, notes = self._settings, self._plan.notes
        return KafkaLoop(
            settings,
            consumer=RangeConsumer(
                lambda on_end: KafkaConsumer(settings.kafka, on_end=on_end),
                ranges=self._plan.ranges,
                pace=self._pace,
                tracks_of=self._selection.tracks_of,
            ),
            new_producer=lambda: KafkaProducer(settings.kafka, topics=settings.topics, notes=notes),
            engine=self._engine,
            metrics=self._metrics,
            reader=self._selection,
        )
