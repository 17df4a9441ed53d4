"""Turns runs of workers and librosa into the figures that a service is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from consumer.bench.pipeline import Measured
from consumer.bench.service import Run
from consumer.bench.spread import median_ratio, percentile, spread

_STAGES: Final = ("fetch", "decode", "featurize", "score")


def report(measured: Measured) -> dict[str, Any]:
    """Give the report, JSON-ready.

    `songs_per_second_per_core`, `overhead`, `ratio_librosa_pipeline` and `bottleneck` are those of the worker
    on most cores; tracks are 30 seconds long everywhere but in `four_minutes`.

    - `songs_per_second_per_core`: songs a CPU second of the worker and all its children.
    - `ratio_librosa_pipeline`: CPU time of librosa's side over the worker's, for a song of the same round.
    - `overhead`: CPU time over that of decoding, featurizing and scoring, less one; null where a GPU
      featurizes.
    - `scaling_two_cores`: songs a second on the wall of the worker on two cores over that on one; broker and
      load generator share the machine with both. Null on one core.
    - `bottleneck`: the stage, or `overhead`, that takes most CPU time.
    - `rest` among the stages: CPU time of none of them, and what of it is the parent's (Kafka, labels).
    """
    most = max(measured.runs)
    workers = [{"cores": count, **_worker(runs)} for count, runs in measured.runs.items()]
    whole = workers[-1]
    librosa = [sum(seconds) / len(seconds) for seconds in measured.librosa]
    return {
        "ratio_librosa_pipeline": median_ratio(librosa, [_cpu_of_song(run) for run in measured.runs[most]]),
        "songs_per_second_per_core": whole["songs_per_cpu_second"]["median"],
        "overhead": whole["overhead"],
        "scaling_two_cores": _scaling(measured),
        "bottleneck": whole["bottleneck"],
        "cores": most,
        "start_seconds": spread(measured.starts),
        "idle_cpu_ratio": percentile(measured.idle, 50) if measured.idle else None,
        "workers": workers,
        "four_minutes": _worker([measured.long]) if measured.long is not None else None,
        "librosa": {
            "cpu_seconds_per_song": spread([one for seconds in measured.librosa for one in seconds]),
            "songs_per_second_per_core": 1 / percentile(librosa, 50),
        },
        "memory": measured.memory,
    }


def _milliseconds_of(run: Run, seconds: float) -> float:
    return 1_000 * seconds / len(run.labels)


def _cpu_of_song(run: Run) -> float:
    return run.cpu_seconds / len(run.labels)


def _scaling(measured: Measured) -> float | None:
    if 2 not in measured.runs:
        return None
    one, two = ([len(run.labels) / run.wall_seconds for run in measured.runs[count]] for count in (1, 2))
    return median_ratio(two, one)


def _worker(runs: Sequence[Run]) -> dict[str, Any]:
    stages = {stage: _stage(stage, runs) for stage in _STAGES}
    rest_of_parent = [_milliseconds_of(run, run.parent_cpu_seconds - run.stage_cpu.score) for run in runs]
    rest = [_milliseconds_of(run, run.cpu_seconds - sum(run.stage_cpu.by_stage().values())) for run in runs]
    shares = {name: stage["cpu_ms_per_song"]["median"] for name, stage in stages.items()}
    return {
        "songs": sum(len(run.labels) for run in runs),
        "songs_per_cpu_second": spread([1 / _cpu_of_song(run) for run in runs]),
        "songs_per_second": spread([len(run.labels) / run.wall_seconds for run in runs]),
        "cpu_ms_per_song": spread([1_000 * _cpu_of_song(run) for run in runs]),
        "overhead": _overhead(runs),
        "bottleneck": max({**shares, "overhead": percentile(rest, 50)}.items(), key=lambda item: item[1])[0],
        "stages": {
            **stages,
            "wait": {"ms_per_song": spread(_milliseconds("wait", runs))},
            "rest": {"cpu_ms_per_song": spread(rest), "of_parent_cpu_ms_per_song": spread(rest_of_parent)},
        },
    }


def _overhead(runs: Sequence[Run]) -> float | None:
    if not all(run.stage_cpu.featurize > 0 for run in runs):
        return None
    return percentile([run.cpu_seconds / run.stage_cpu.needful - 1 for run in runs], 50)


def _stage(stage: str, runs: Sequence[Run]) -> dict[str, Any]:
    cpu = [1_000 * run.stage_cpu.by_stage()[stage] / len(run.labels) for run in runs]
    return {"cpu_ms_per_song": spread(cpu), "ms_per_song": spread(_milliseconds(stage, runs))}


def _milliseconds(stage: str, runs: Sequence[Run]) -> list[float]:
    return [1_000 * getattr(label.timing, f"{stage}_seconds") for run in runs for label in run.labels]
