"""Turns a planned replay of the feature log into finished work by several processes that begin together."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from queue import Empty
from types import TracebackType
from typing import Final, Self

from consumer.bench.failures import BenchFailedError
from consumer.config import Settings
from consumer.replay.plan import Plan

_START_SECONDS: Final = 120.0
_PATIENCE_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.5

Message = tuple[int, float | None]
"""Tracks labelled since the last one, and at the end the process's CPU seconds."""


class ReplayCrew:
    """Processes of one replay; a context manager that ends them.

    Parameters
    ----------
    settings : Settings
        The service's.
    plan : Plan
        What is to be done.
    processes : int
        How many share it.
    """

    def __init__(self, settings: Settings, plan: Plan, *, processes: int) -> None:
        context = multiprocessing.get_context("spawn")  # librdkafka and onnxruntime have threads by now
        self._ready = context.Barrier(processes + 1)
        self._said: Queue[Message] = context.Queue()
        self._processes = [
            context.Process(
                target=_replay,
                args=(settings.model_dump_json(), plan.replay_id, self._ready, self._said),
                daemon=True,
            )
            for _ in range(processes)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def work(self, *, on_tracks: Callable[[int], None]) -> tuple[float, float]:
        """Let all begin at once and wait for the last; give the seconds, and the CPU seconds of all.

        Raises
        ------
        BenchFailedError
            A process failed, or nothing was labelled for two minutes.
        """
        self._ready.wait(_START_SECONDS)
        started = heard_at = time.monotonic()
        ends: list[float] = []
        while len(ends) < len(self._processes):
            try:
                tracks, cpu_seconds = self._said.get(timeout=_POLL_SECONDS)
            except Empty:
                dead = [process for process in self._processes if process.exitcode not in (None, 0)]
                if dead or time.monotonic() - heard_at > _PATIENCE_SECONDS:
                    raise BenchFailedError(
                        f"the replay does not go on: processes ended={len(dead)}"
                    ) from None
                continue
            heard_at = time.monotonic()
            on_tracks(tracks)
            if cpu_seconds is not None:
                ends.append(cpu_seconds)
        return time.monotonic() - started, sum(ends)


def _replay(text: str, replay_id: str, ready: Barrier, said: Queue[Message]) -> None:
    from consumer.replay.book import PlanBook  # noqa: PLC0415 - in the child only
    from consumer.replay.from_features import FeatureReplay, Listeners  # noqa: PLC0415
    from consumer.replay.plan import member_settings  # noqa: PLC0415
    from consumer.rollout.sources import load_model  # noqa: PLC0415
    from modelzoo.scorer import OnnxScorer  # noqa: PLC0415

    settings = Settings.model_validate_json(text)
    plan = PlanBook(settings, replay_id=replay_id).find()
    if plan is None:
        raise BenchFailedError(f"no plan of replay_id={replay_id!r}")
    named = settings.model.model_copy(update={"name": plan.terms.model, "version": plan.terms.version})
    artifact = load_model(settings.model_copy(update={"model": named}))
    scorer = OnnxScorer(artifact, device="cpu")
    scorer.warm_up()
    told = 0

    def tell(counts: Counter[str]) -> None:
        nonlocal told
        done = counts["labelled"] + counts["abstained"]
        said.put((done - told, None))
        told = done

    member = member_settings(settings, plan, transactional_id=f"{plan.group}.{uuid.uuid4().hex}")
    replay = FeatureReplay(member, plan, scorer, listeners=Listeners(on_progress=tell))
    ready.wait(_START_SECONDS)
    cpu_started = time.process_time()
    replay.run()
    said.put((0, time.process_time() - cpu_started))
