"""Turns settings into the machines that a track passes: children, featurizer, scorer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consumer.config import Settings
from consumer.decoding.child import Setup
from consumer.decoding.compiling import announce_compilation
from consumer.decoding.decoder import Limits
from consumer.decoding.nursery import Household
from consumer.decoding.pool import DecodingPool
from consumer.decoding.shared_windows import SlabShape
from consumer.decoding.work import WINDOWS_AT_ONCE, FetchAndDecode, Work
from consumer.metrics import Metrics
from consumer.pipeline.cores import available_cores
from consumer.pipeline.featurizing import BatchFeaturizer, FeaturizerPort
from consumer.pipeline.placement import parent_featurizer
from consumer.pipeline.scoring import BatchScorer
from featurizer.spec import GTZAN57

_SLABS: Final = 2
"""A child fills one while the parent reads the other."""


def utc_now() -> datetime:
    """Give the time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of, where it is not the usual.

    Attributes
    ----------
    work : Work or None
        What the children do; they fetch and decode where it is null.
    featurizer : FeaturizerPort or None
        Featurizes in this process, fed through shared memory; where it is null the device decides.
    wall_clock : callable
        The time in UTC.
    """

    work: Work | None = None
    featurizer: FeaturizerPort | None = None
    wall_clock: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class Stages:
    """The machines that a track passes; `featurizing` is null where the children featurize."""

    pool: DecodingPool
    featurizing: BatchFeaturizer | None
    scoring: BatchScorer[int]
    processes: int

    def close(self) -> None:
        """End all children and the featurizer; blocks until the featurizer's batches have ended."""
        self.pool.close()
        if self.featurizing is not None:
            self.featurizing.close()


def start_stages(
    settings: Settings, *, parts: Parts, metrics: Metrics, clock: Callable[[], float] = time.monotonic
) -> Stages:
    """Build the machines and ask for the children, which warm up on their own.

    Raises
    ------
    DeviceUnavailableError
        The settings ask for a device that is not there.
    SetupError
        What this device needs is not installed.
    """
    featurizer = parts.featurizer or parent_featurizer(settings.worker.device, spec=GTZAN57)
    if featurizer is None and parts.work is None:
        announce_compilation()
    processes = settings.decode.processes or available_cores()
    household = Household(
        Setup(
            parts.work or _usual_work(settings),
            spec=GTZAN57,
            slabs=SlabShape(_SLABS, WINDOWS_AT_ONCE, GTZAN57.window_samples) if featurizer else None,
            max_memory_bytes=settings.decode.max_memory_bytes,
        ),
        processes=processes,
        limits=Limits(settings.decode.timeout_seconds, settings.decode.max_memory_bytes),
    )
    pool = DecodingPool(household, metrics=metrics, clock=clock)
    pool.start()
    featurizing = None
    if featurizer is not None:
        featurizing = BatchFeaturizer(featurizer, settings=settings.batch, wake=pool.wake, clock=clock)
    scoring: BatchScorer[int] = BatchScorer(settings.batch, metrics=metrics, clock=clock)
    return Stages(pool, featurizing, scoring, processes)


def _usual_work(settings: Settings) -> Work:
    early_stop = settings.early_stop
    return FetchAndDecode(
        settings.fetch,
        max_duration_seconds=settings.decode.max_duration_seconds,
        spec=GTZAN57,
        policy=settings.decode.window_policy,
        windows_at_once=WINDOWS_AT_ONCE if early_stop.confidence is None else early_stop.part_windows,
    )
