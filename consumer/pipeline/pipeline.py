"""Turns track jobs into completions on a thread of its own: the engine beside the Kafka thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Full, Queue
from types import TracebackType
from typing import Final, Self

import structlog

from consumer.config import Settings
from consumer.errors import Disposition, FatalError, TrackDeadlineError, disposition
from consumer.jobs import Completion, Ticket, TopicPartition, TrackJob
from consumer.metrics import Metrics
from consumer.pipeline.casting import Casting
from consumer.pipeline.heard import Onlooker
from consumer.pipeline.labelling import Labelling, Rules
from consumer.pipeline.stages import Parts, start_stages
from consumer.pipeline.under_way import TrackUnderWay
from consumer.pipeline.waiting import WaitingTracks
from featurizer.spec import GTZAN57
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact

_TURN_SECONDS: Final = 0.25
"""Longest rest of the thread while there are jobs: how late a deadline may be noticed."""
_REST_SECONDS: Final = 2.0
"""Longest rest without any: all that can come then ends the rest by itself."""
_CLOSE_SECONDS: Final = 10.0
"""A batch on any device ends long before."""

_log = structlog.get_logger(__name__)


class Pipeline:
    """Labels tracks: a `consumer.jobs.Engine`. It starts when it is made; `ready` tells when it is warm.

    Any thread may call it, and only `use_model` and `close` block. Every job ends as exactly one completion
    unless it was cancelled, or the pipeline failed (then `check` raises) or was closed.

    Parameters
    ----------
    settings : Settings
        The tree.
    artifact : Artifact
        The model.
    metrics : Metrics
        Counts the machines' work.
    clock : callable
        Monotonic seconds: the clock of every job's deadline.
    parts : Parts
        What is not the usual.

    Raises
    ------
    ModelError
        The model cannot be run here.
    DeviceUnavailableError
        The settings ask for a device that is not there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        artifact: Artifact,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        parts: Parts | None = None,
    ) -> None:
        parts = parts or Parts()
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._wall_clock = parts.wall_clock
        self._waiting = WaitingTracks()
        self._stopping = threading.Event()
        self._warm = threading.Event()
        self._fatal: Exception | None = None
        # First of all: the children take longest to warm up, and need nothing of what follows.
        self._stages = start_stages(settings, parts=parts, metrics=metrics, clock=clock)
        try:
            self._casting = Casting(artifact, device=settings.worker.device, metrics=metrics)
        except BaseException:
            self._stages.close()
            raise
        metrics.device.info(self._devices())
        # More jobs may be here than there are credits: the started jobs of a revoked partition hold none.
        self._completions: Queue[Completion] = Queue(
            settings.worker.max_in_flight + 4 * self._stages.processes
        )
        self._overflow: deque[Completion] = deque()
        self._labelling = Labelling(
            self._stages,
            rules=_rules_of(settings),
            metrics=metrics,
            clock=clock,
            wall_clock=parts.wall_clock,
        )
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._thread.start()

    @property
    def completions(self) -> Queue[Completion]:
        """Every job's one completion.

        The queue is bounded, and the pipeline never waits for a place in it: what finds none is kept and
        offered again. So neither thread can wait for the other.
        """
        return self._completions

    @property
    def ready(self) -> bool:
        """Whether model and children have warmed up and nothing fatal has happened since."""
        return self._warm.is_set() and self._fatal is None and not self._stopping.is_set()

    @property
    def pids(self) -> list[int]:
        """Process ids of the server that forks the children, and of the children."""
        return self._stages.pool.pids

    @property
    def waiting(self) -> int:
        """Jobs that no child has begun."""
        return len(self._waiting)

    @property
    def live(self) -> Manifest:
        """Describes the live model."""
        return self._casting.live

    def describe(self) -> dict[str, str]:
        """Say in words which model speaks, where the work is done and by how many children."""
        manifest = self._casting.live
        return {
            "model": f"{manifest.name} {manifest.version}",
            **self._devices(),
            "decoders": str(self._stages.processes),
        }

    def submit(self, job: TrackJob) -> None:
        """Accept a job; it keeps the model that is current now.

        Raises
        ------
        RuntimeError
            The pipeline is closed.
        """
        if self._stopping.is_set():
            raise RuntimeError("the pipeline is closed")
        scorer, role = self._casting.choose(job.event.track_id)
        self._waiting.add(
            TrackUnderWay(job, scorer, accepted=self._clock(), started_at=self._wall_clock(), role=role)
        )
        self._stages.pool.wake()

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        """Forget the partition's jobs that have not started and name them; the others end as completions."""
        return self._waiting.cancel(topic_partition, epoch=epoch)

    def use_model(self, artifact: Artifact) -> None:
        """Have the jobs that are submitted from now on labelled by another model; blocks while it loads.

        Raises
        ------
        ModelError
            The model cannot be run here; the current one stays.
        """
        self._casting.use_live(artifact)

    def use_canary(self, artifact: Artifact, *, share: float) -> None:
        """Have a share of the tracks, always the same ones, labelled by another model; blocks while it loads.

        Raises
        ------
        ModelError
            The model cannot be run here; nothing changes.
        """
        self._casting.use_canary(artifact, share=share)

    def listen(self, onlooker: Onlooker) -> None:
        """Tell `onlooker` of every track that gets a label, on the pipeline's thread."""
        self._labelling.onlooker = onlooker

    def check(self) -> None:
        """Raise the fatal error that stopped the pipeline, if one did."""
        if self._fatal is not None:
            raise self._fatal

    def close(self) -> None:
        """End all work and all children; blocks for the rest of a batch at most. May be repeated."""
        self._stopping.set()
        self._stages.pool.wake()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            _log.error("pipeline does not end", waited_seconds=_CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _devices(self) -> dict[str, str]:
        featurizing = self._stages.featurizing
        return {
            "featurizer": "cpu" if featurizing is None else featurizing.device,
            "scorer": self._casting.device,
        }

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        except Exception as exc:  # noqa: BLE001 - whatever ends this thread must reach the Kafka thread
            self._fatal = _as_fatal(exc)
            _log.exception("pipeline stopped", error=str(exc))
        finally:
            self._stages.close()

    def _turn(self) -> None:
        for late in self._waiting.expire(self._clock()):
            message = "the track's deadline passed before a decoder was free: are there enough of them?"
            self._overflow.append(Completion(late.job.ticket, TrackDeadlineError(message)))
        while self._labelling.capacity and (track := self._waiting.take()) is not None:
            if not self._labelling.begin(track):
                self._waiting.put_back(track)
        has_jobs = self._waiting or self._labelling.busy or self._overflow
        self._overflow.extend(self._labelling.turn(_TURN_SECONDS if has_jobs else _REST_SECONDS))
        self._hand_over()
        if not self._warm.is_set() and self._stages.pool.ready == self._stages.processes:
            self._warm.set()

    def _hand_over(self) -> None:
        while self._overflow:
            try:
                self._completions.put_nowait(self._overflow[0])
            except Full:
                return
            self._overflow.popleft()


def _rules_of(settings: Settings) -> Rules:
    return Rules(
        settings.fetch.timeout_seconds,
        timeline=settings.model.timeline,
        policy=settings.decode.window_policy,
        window_seconds=GTZAN57.window_seconds,
        early_stop=settings.early_stop,
        keep_features=settings.worker.feature_log,
    )


def _as_fatal(error: Exception) -> Exception:
    if disposition(error) is Disposition.FATAL:
        return error
    return FatalError(f"the pipeline stopped: {type(error).__name__}: {error}")
