"""Makes runs of a worker whose figures are known."""

from __future__ import annotations

from consumer.bench.service import Run
from consumer.bench.stage_cpu import StageCpu
from tests.consumer.engines import label_for
from tests.consumer.records import upload_event


def run_of(songs: int, *, cpu_ms: float, wall_ms: float, featurize_ms: float = 20.0) -> Run:
    """A run of songs that each took these milliseconds; decoding 20, scoring 0.5 and fetching 1 of them.

    The worker's first process used 1.5 of them.
    """
    cpu = StageCpu(
        fetch=0.001 * songs,
        decode=0.020 * songs,
        featurize=featurize_ms / 1_000 * songs,
        score=0.0005 * songs,
    )
    labels = tuple(label_for(upload_event(number)) for number in range(songs))
    return Run(
        labels,
        wall_seconds=wall_ms * songs / 1_000,
        cpu_seconds=cpu_ms * songs / 1_000,
        parent_cpu_seconds=0.0015 * songs,
        stage_cpu=cpu,
    )
