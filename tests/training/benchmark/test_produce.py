"""A benchmark's report is the same again, whatever interrupted it, and says what it could not compute."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.training.benchmark.tiny import (
    WIDTH,
    FitCentroids,
    FitWith,
    Silence,
    make_data,
    make_kind,
    make_windows,
    raise_an_error,
)
from tests.training.synthetic import N_WINDOWS
from training.benchmark.data import BenchmarkData
from training.benchmark.produce import Benchmark, produce, steps_for
from training.models.kind import Effort, InputKind, ModelKind
from training.report import write_report
from training.report.figures import ModelFigures, Report
from training.sides import Protocol

TIMES = ("train_seconds", "windows_per_second")


def make_benchmark(
    out: Path, *kinds: ModelKind, data: BenchmarkData | None = None, n_seeds: int = 2
) -> Benchmark:
    return Benchmark(
        kinds=kinds or (make_kind("one"), make_kind("still", FitCentroids(draws=False))),
        data=data or make_data(extra=True),
        out=out,
        effort=Effort.FULL,
        n_seeds=n_seeds,
        n_processes=2,
        steps=(),
        explained=frozenset(),
        command="made up",
    )


def run(benchmark: Benchmark) -> tuple[Report, Silence]:
    watch = Silence()
    report, _ = produce(benchmark, watch=watch, created_at=datetime(2026, 1, 2, tzinfo=UTC))
    return report, watch


def timeless(report: Report) -> str:
    shown = json.loads(report.model_dump_json())
    shown["seconds"] = 0
    for model in shown["models"]:
        for name in TIMES:
            model[name] = None
    return json.dumps(shown)


def row_of(report: Report, name: str, protocol: Protocol, *, extra: bool = False) -> ModelFigures:
    (row,) = (row for row in report.models if (row.name, row.protocol, row.extra) == (name, protocol, extra))
    return row


@pytest.mark.slow
def test_two_runs_give_the_same_figures_and_a_report_of_them(tmp_path: Path) -> None:
    one, _ = run(make_benchmark(tmp_path / "one"))
    two, _ = run(make_benchmark(tmp_path / "two"))
    assert timeless(one) == timeless(two)
    written = write_report(one, tmp_path / "one")
    assert Report.model_validate_json(written[0].read_text()) == one
    row = row_of(one, "one", Protocol.FAULT_FILTERED, extra=True)
    assert row.interval is not None
    assert row.calibration is not None
    assert (row.seeds, row.n_fit, row.n_windows, row.n_tracks) == (2, 96 + 144, 36, 9)
    assert row.onnx_difference is not None
    assert row.onnx_difference < 1e-5
    assert row.windows_per_second is not None
    assert row.windows_per_second > 1_000
    assert row.model_bytes is not None
    assert row.confusion is not None
    assert sum(map(sum, row.confusion)) == 18
    assert row_of(one, "one", Protocol.RANDOM_WINDOWS).calibration is None
    assert row_of(one, "still", Protocol.VALIDATION).note.endswith("which stands for every seed.")


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 9])
def test_an_interrupted_run_goes_on_to_the_same_figures(tmp_path: Path, stop_after: int) -> None:
    whole, _ = run(make_benchmark(tmp_path / "whole"))

    class Interrupting(Silence):
        def ended(self, cell: object, *, failed: str | None) -> None:
            super().ended(cell, failed=failed)  # type: ignore[arg-type]  # passed on as it comes
            if len(self.done) == stop_after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        produce(
            make_benchmark(tmp_path / "cut"),
            watch=Interrupting(),
            created_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
    resumed, watch = run(make_benchmark(tmp_path / "cut"))
    assert stop_after <= len(watch.done) - len(watch.begun) < len(watch.done)
    assert timeless(resumed) == timeless(whole)


@pytest.mark.slow
def test_a_fit_that_fails_is_told_in_its_row(tmp_path: Path) -> None:
    bad = make_kind("bad", FitWith(raise_an_error))
    report, _ = run(make_benchmark(tmp_path, bad, make_kind("good"), n_seeds=1))
    row = row_of(report, "bad", Protocol.FAULT_FILTERED)
    assert row.not_computable == "the fit of seed 0 failed: ArithmeticError: it diverged"
    assert row.track_accuracy is None
    assert row_of(report, "good", Protocol.FAULT_FILTERED).track_accuracy is not None


@pytest.mark.slow
def test_a_protocol_that_lacks_a_genre_has_a_reason_and_no_number(tmp_path: Path) -> None:
    data = make_data()
    tables = data.tables[InputKind.FEATURES]
    no_jazz = frozenset(track for track in tables.lists.test if not track.startswith("jazz"))
    lists = replace(tables.lists, test=no_jazz)
    data = replace(data, tables={InputKind.FEATURES: replace(tables, lists=lists)})
    report, _ = run(make_benchmark(tmp_path, make_kind("one"), data=data, n_seeds=1))
    row = row_of(report, "one", Protocol.FAULT_FILTERED)
    assert row.not_computable is not None
    assert "lacks 1 of 3 genres: jazz" in row.not_computable
    assert row.track_accuracy is None
    assert Protocol.FAULT_FILTERED not in {leak.protocol for leak in report.leaks}


@pytest.mark.slow
def test_tracks_of_one_row_are_measured_once_and_shown_under_both_draws(tmp_path: Path) -> None:
    data = make_data()
    own = make_windows()
    tables = replace(data.tables[InputKind.FEATURES], own=own.rows(np.arange(0, len(own), N_WINDOWS)))
    data = replace(data, tables={InputKind.FEATURES: tables})
    report, watch = run(make_benchmark(tmp_path, make_kind("one"), data=data, n_seeds=1))
    assert len(watch.done) == 3
    random, grouped = (
        row_of(report, "one", protocol) for protocol in (Protocol.RANDOM_WINDOWS, Protocol.GROUPED_BY_TRACK)
    )
    assert random.model_dump(exclude={"protocol"}) == grouped.model_dump(exclude={"protocol"})


@pytest.mark.slow
def test_whole_tracks_are_pooled_after_the_draw_and_have_no_window_accuracy(tmp_path: Path) -> None:
    tracks = make_kind("tracks", input_kind=InputKind.TRACK)
    report, _ = run(make_benchmark(tmp_path, tracks, data=make_data(), n_seeds=1))
    row = row_of(report, "tracks", Protocol.FAULT_FILTERED)
    assert (row.n_fit, row.n_windows, row.n_tracks) == (24, 9, 9)
    assert row.window_accuracy is None
    assert row.track_accuracy is not None


@pytest.mark.slow
def test_steps_and_importance_are_measured_on_validation_artists(tmp_path: Path) -> None:
    names = tuple(f"feature {place}" for place in range(WIDTH))
    data = replace(make_data(extra=True), feature_names=names)
    steps = tuple(
        replace(step, kind=make_kind(f"step-{step.name}", FitCentroids(draws=step.extra)))
        for step in steps_for(data)
        if step.name in {"plain", "log-variances", "extra-table"}
    )
    tracks = make_kind("tracks", input_kind=InputKind.TRACK)
    still = make_kind("still", FitCentroids(draws=False))
    benchmark = make_benchmark(tmp_path, make_kind("one"), still, tracks, data=data)
    benchmark = replace(benchmark, steps=steps, explained=frozenset({"one"}))
    report, watch = run(benchmark)
    by_name = {step.name: step for step in report.steps}
    assert {"plain", "log-variances", "extra-table", "Tracks"} <= set(by_name)
    assert by_name["log-variances"].gain == 0.0
    assert by_name["plain"].track_accuracy == row_of(report, "still", Protocol.VALIDATION).track_accuracy
    assert {one.feature for one in report.importance["one"]} == set(names)
    assert max(one.permutation for one in report.importance["one"]) > 0.0
    # Found again whole, without a fit.
    again, second = run(benchmark)
    assert second.begun == []
    assert (again.steps, again.importance) == (report.steps, report.importance)
    assert len(watch.begun) == len(second.done)


def test_steps_need_named_features_and_those_of_an_extra_table_need_one() -> None:
    assert steps_for(make_data()) == ()
    named = replace(make_data(), feature_names=("a",))
    joined = replace(make_data(extra=True), feature_names=("a",))
    assert not any(step.extra for step in steps_for(named))
    assert len(steps_for(joined)) > len(steps_for(named)) > 0
