from __future__ import annotations

import json

import pytest

from consumer.bench.pipeline import Measured, Plan, core_counts
from consumer.bench.pipeline_report import report
from tests.consumer.bench.runs import run_of


def measured() -> Measured:
    return Measured(
        runs={
            1: [run_of(5, cpu_ms=44.0, wall_ms=50.0), run_of(5, cpu_ms=44.0, wall_ms=60.0)],
            2: [run_of(10, cpu_ms=45.0, wall_ms=25.0), run_of(10, cpu_ms=50.0, wall_ms=40.0)],
        },
        librosa=[[1.3, 1.4], [1.5, 1.5]],
        long=run_of(2, cpu_ms=300.0, wall_ms=160.0, featurize_ms=240.0),
        memory={"n": 0},
        starts=[2.0, 3.0],
        idle=[0.01],
    )


def test_the_headline_is_of_the_worker_on_most_cores() -> None:
    told = report(measured())
    assert json.loads(json.dumps(told)) == told
    assert told["songs_per_second_per_core"] == pytest.approx((1 / 0.045 + 1 / 0.050) / 2)
    assert told["overhead"] == pytest.approx((45.0 + 50.0) / 2 / 40.5 - 1)
    assert told["ratio_librosa_pipeline"] == pytest.approx((1.35 / 0.045 + 1.5 / 0.050) / 2)
    assert told["scaling_two_cores"] == pytest.approx((2.0 + 1.5) / 2)
    assert told["librosa"]["songs_per_second_per_core"] == pytest.approx(1 / 1.425)
    assert [worker["cores"] for worker in told["workers"]] == [1, 2]
    assert told["four_minutes"]["bottleneck"] == "featurize"


def test_what_no_stage_took_is_the_rest() -> None:
    stages = report(measured())["workers"][0]["stages"]
    assert stages["decode"]["cpu_ms_per_song"]["median"] == pytest.approx(20.0)
    assert stages["rest"]["cpu_ms_per_song"]["median"] == pytest.approx(44.0 - 41.5)
    assert stages["rest"]["of_parent_cpu_ms_per_song"]["median"] == pytest.approx(1.5 - 0.5)
    assert stages["wait"]["ms_per_song"]["n"] == 10


def test_a_gpus_worker_has_no_overhead_and_one_core_no_scaling() -> None:
    told = report(
        Measured({1: [run_of(5, cpu_ms=30.0, wall_ms=10.0, featurize_ms=0.0)]}, [[1.0]], starts=[1.0])
    )
    assert told["overhead"] is None
    assert told["scaling_two_cores"] is None
    assert told["four_minutes"] is None


@pytest.mark.parametrize(
    ("cores", "counts"), [((3,), (1,)), ((0, 1), (1, 2)), (tuple(range(16)), (1, 2, 16))]
)
def test_one_two_and_all_cores_are_measured(cores: tuple[int, ...], counts: tuple[int, ...]) -> None:
    assert core_counts(cores) == counts


def test_workers_on_fewer_cores_get_fewer_tracks() -> None:
    plan = Plan(tracks=120, rounds=3, long_tracks=16, librosa_tracks=2)
    assert [plan.of_cores(count, most=16) for count in (1, 2, 16)] == [8, 15, 120]
    # A warm-up of four tracks a core, three rounds of 60, 120 and 2, and the long tracks.
    assert plan.steps((1, 2)) == 4 + 8 + 3 * (60 + 120 + 2) + 16
