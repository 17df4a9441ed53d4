"""Turns a plan into its end, or into where this process stopped: read, warm up, label, look on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from consumer.config import Settings
from consumer.metrics import Metrics
from consumer.replay import from_uploads
from consumer.replay.agreeing import settings_of_plan
from consumer.replay.from_uploads import UploadReplay, WarmingEngine
from consumer.replay.newest import Chosen
from consumer.replay.plan import Plan, member_settings
from consumer.replay.progress import ProgressWatch, ReplayProgress
from consumer.replay.selection import newest_uploads
from consumer.replay.stopping import StopRequest
from modelzoo.registry import Artifact

_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who is told how far a replay is.

    Attributes
    ----------
    on_read : callable
        Called with the offsets passed and their total while each track's newest upload is looked for.
    on_warming : callable
        Called when the model and the decoders begin to warm up.
    on_progress : callable
        Called, on a thread of its own, with how far all processes together are.
    """

    on_read: Callable[[int, int], None]
    on_warming: Callable[[], None]
    on_progress: Callable[[ReplayProgress], None]


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """How a process of a replay ended.

    Attributes
    ----------
    progress : ReplayProgress
        Of all processes.
    counts : dict of str to int
        Of this process alone: records by outcome (`labelled`, `abstained`, `dead_lettered`), and skipped ones
        by reason (`superseded` ...).
    """

    progress: ReplayProgress
    counts: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Give the object that `relabel --json` prints."""
        return {
            "finished": self.progress.finished,
            "done_offsets": self.progress.done,
            "total_offsets": self.progress.total,
            "this_process": self.counts,
        }


def run_upload_replay(
    settings: Settings,
    plan: Plan,
    *,
    artifact: Artifact,
    rate: float | None,
    stop: StopRequest,
    onlooker: Onlooker,
) -> ReplayEnd:
    """Take part in a replay of uploads until all of it is done, or a stop is asked for; blocks.

    Parameters
    ----------
    settings : Settings
        The service's.
    plan : Plan
        What was agreed.
    artifact : Artifact
        The plan's model.
    rate : float or None
        Most tracks a second of this process.
    stop : StopRequest
        Looked at all along.
    onlooker : Onlooker
        Told of the progress.

    Raises
    ------
    FatalError, ModelError, DeviceUnavailableError
        The process cannot go on.
    BrokerError
        The broker does not answer, or refuses us.
    """
    from consumer.kafka import GroupOffsets  # noqa: PLC0415 - loads librdkafka

    offsets = GroupOffsets(settings.kafka.model_copy(update={"group": plan.group}))
    metrics = Metrics()
    replay: UploadReplay | None = None

    def on_progress(progress: ReplayProgress) -> None:
        onlooker.on_progress(progress)
        if progress.finished and replay is not None:
            replay.request_stop()

    watch = ProgressWatch(plan, offsets=offsets, on_progress=on_progress)
    if not watch.look().finished and (found := _choose(settings, plan, stop=stop, onlooker=onlooker)):
        warm = settings_of_plan(settings, plan)
        onlooker.on_warming()
        with from_uploads.open_engine(warm, artifact=artifact, metrics=metrics) as engine:
            if _await_engine(engine, stop):
                replay = UploadReplay(
                    settings, plan=plan, engine=engine, chosen=found[0], rate=rate, metrics=metrics
                )
                stop.tell(replay.request_stop)
                with watch:
                    replay.run()
    return ReplayEnd(watch.look(), counts_of(metrics))


def run_feature_replay(
    settings: Settings,
    plan: Plan,
    *,
    artifact: Artifact,
    rate: float | None,
    stop: StopRequest,
    onlooker: Onlooker,
) -> ReplayEnd:
    """Take part in a replay from the feature log; otherwise as `run_upload_replay`.

    Raises
    ------
    FatalError, ModelError, DeviceUnavailableError
        The process cannot go on.
    BrokerError
        The broker does not answer, or refuses us.
    """
    # Imported here: librdkafka and onnxruntime take a while to load, and a replay of uploads needs no scorer.
    from consumer.kafka import GroupOffsets  # noqa: PLC0415
    from consumer.replay.from_features import FeatureReplay, Listeners  # noqa: PLC0415
    from modelzoo.scorer import OnnxScorer  # noqa: PLC0415

    offsets = GroupOffsets(settings.kafka.model_copy(update={"group": plan.group}))
    watch = ProgressWatch(plan, offsets=offsets, on_progress=onlooker.on_progress)
    counts: dict[str, int] = {}
    if not watch.look().finished:
        onlooker.on_warming()
        scorer = OnnxScorer(artifact, device=settings.worker.device)
        scorer.warm_up()
        member = member_settings(settings, plan, transactional_id=from_uploads.transactional_id_of(plan))
        passed = 0

        def on_read(records: int) -> None:
            nonlocal passed
            passed += records
            onlooker.on_read(passed, plan.total)

        replay = FeatureReplay(
            member,
            plan,
            scorer,
            rate=rate,
            listeners=Listeners(on_read=on_read),
            should_stop=lambda: stop.asked,
        )
        with watch:
            counts = dict(replay.run())
    return ReplayEnd(watch.look(), counts)


def _choose(
    settings: Settings, plan: Plan, *, stop: StopRequest, onlooker: Onlooker
) -> tuple[Chosen | None] | None:
    """Find the newest uploads, where the plan wants only those; None where a stop was asked for meanwhile."""
    if not plan.terms.newest:
        return (None,)
    passed = 0

    def on_read(offsets: int) -> bool:
        nonlocal passed
        passed += offsets
        onlooker.on_read(passed, plan.total)
        return not stop.asked

    chosen = newest_uploads(settings, plan.ranges, on_read=on_read)
    return None if chosen is None else (chosen,)


def _await_engine(engine: WarmingEngine, stop: StopRequest) -> bool:
    """Join the group only when tracks can be labelled: until then other processes have the partitions."""
    while not engine.ready and not stop.asked:
        engine.check()
        time.sleep(_LOOK_SECONDS)
    return not stop.asked


def counts_of(metrics: Metrics) -> dict[str, int]:
    """Count a process's records by outcome, skipped ones by reason."""
    counts: dict[str, int] = {}
    for family in metrics.tracks.collect():
        for sample in family.samples:
            if sample.name.endswith("_total") and sample.value:
                outcome = sample.labels["outcome"]
                word = sample.labels["reason"] if outcome == "skipped" else outcome
                counts[word] = counts.get(word, 0) + int(sample.value)
    return counts
