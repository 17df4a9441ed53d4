"""A run measures each row once, whatever interrupts it, and the same figures come out of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.benchmark.tiny import (
    FitCentroids,
    FitWith,
    Silence,
    die,
    hang,
    make_data,
    make_kind,
    raise_an_error,
)
from training.benchmark import plan as planning
from training.benchmark.plan import Plan, plan_rows
from training.benchmark.run import MeasuredRow, measure_rows
from training.benchmark.store import CellStore, check_writable
from training.models.kind import Effort, ModelKind
from training.sides import Protocol


def make_plan(*kinds: ModelKind, n_seeds: int = 3) -> Plan:
    return plan_rows(kinds, make_data(), effort=Effort.FULL, n_seeds=n_seeds)


def run(plan: Plan, folder: Path, *, n_processes: int = 2) -> tuple[tuple[MeasuredRow, ...], Silence]:
    data, watch = make_data(), Silence()
    store = CellStore(folder, data.fingerprint())
    check_writable(folder)
    return measure_rows(plan, data, store=store, n_processes=n_processes, watch=watch), watch


def figures(rows: tuple[MeasuredRow, ...]) -> list[list[bytes]]:
    return [[fit.probabilities.tobytes() for fit in row.fits] for row in rows]


@pytest.mark.slow
def test_every_row_gets_its_seeds_and_a_second_run_fits_nothing(tmp_path: Path) -> None:
    plan = make_plan(make_kind("one"), make_kind("two"))
    rows, watch = run(plan, tmp_path)
    assert [len(row.fits) for row in rows] == [3] * 8
    assert (watch.n_planned, len(watch.done), len(watch.begun)) == (24, 24, 24)
    assert all(name.endswith("seed 0") for name in watch.begun[:8])
    again, second = run(plan, tmp_path, n_processes=1)
    assert (len(second.done), second.begun) == (24, [])
    assert figures(again) == figures(rows)
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.slow
def test_a_model_that_draws_nothing_is_fitted_twice_where_its_sides_stay(tmp_path: Path) -> None:
    rows, watch = run(make_plan(make_kind("still", FitCentroids(draws=False)), n_seeds=5), tmp_path)
    by_protocol = {row.row.protocol: row for row in rows}
    assert len(by_protocol[Protocol.FAULT_FILTERED].fits) == 2
    assert not by_protocol[Protocol.FAULT_FILTERED].is_drawn
    assert len(by_protocol[Protocol.GROUPED_BY_TRACK].fits) == 5
    last = by_protocol[Protocol.VALIDATION].of_seed(4)
    assert last is by_protocol[Protocol.VALIDATION].fits[1]
    assert watch.n_planned == len(watch.done) == 5 + 5 + 2 + 2


@pytest.mark.slow
def test_a_slow_fit_is_repeated_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SLOW_FIT_SECONDS", -1.0)
    rows, watch = run(make_plan(make_kind("one"), n_seeds=4), tmp_path, n_processes=1)
    assert {len(row.fits) for row in rows} == {3}
    assert watch.n_planned == len(watch.done) == 12


@pytest.mark.slow
def test_validation_is_fitted_three_times(tmp_path: Path) -> None:
    rows, watch = run(make_plan(make_kind("one"), n_seeds=4), tmp_path)
    assert [len(row.fits) for row in rows] == [4, 4, 4, 3]
    assert watch.n_planned == len(watch.done) == 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "said"),
    [(raise_an_error, "ArithmeticError: it diverged"), (die, "its process ended by signal 9")],
)
def test_a_fit_that_fails_has_a_reason_and_no_figure_and_the_others_go_on(
    tmp_path: Path, harm: object, said: str
) -> None:
    bad = make_kind("bad", FitWith(harm, of_seed=1))  # type: ignore[arg-type]  # a parameter of the test
    rows, watch = run(make_plan(bad, make_kind("good")), tmp_path)
    of_bad, of_good = rows[:4], rows[4:]
    for row in of_bad:
        assert row.failed
        assert row.fits == ()
        assert row.why is not None
        assert row.why.startswith(f"the fit of seed 1 failed: {said}")
    assert [len(row.fits) for row in of_good] == [3] * 4
    assert len(watch.failed) == 4
    assert watch.n_planned == len(watch.done) + len(watch.failed)
    # What failed is tried again; what did not is there.
    _, again = run(make_plan(replace(bad, fit=FitCentroids()), make_kind("good")), tmp_path)
    assert len(again.failed) == 0
    assert all(name.startswith("bad") for name in again.begun)


def killed_run(folder: str) -> None:
    run(make_plan(make_kind("one"), make_kind("stuck", FitWith(hang))), Path(folder))


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_whole_cells_and_no_process_and_is_taken_up(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=killed_run, args=(str(tmp_path),))
    child.start()
    deadline = time.monotonic() + 60.0
    while len(list(tmp_path.glob("*.npz"))) < 2:
        assert time.monotonic() < deadline
        assert child.is_alive()
        time.sleep(0.05)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while any(is_at_work_in(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kept = len(list(tmp_path.glob("*.npz")))
    rows, watch = run(make_plan(make_kind("one")), tmp_path)
    # The stuck fit holds one process; the other finished what it could.
    assert len(watch.begun) == 12 - kept
    fresh, _ = run(make_plan(make_kind("one")), tmp_path / "fresh")
    assert figures(rows) == figures(fresh)


def is_at_work_in(folder: Path) -> list[bool]:
    """Look for processes that have inherited the folder's mark."""
    found: list[bool] = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"GENRESTREAM_TEST={folder}".encode() in path.read_bytes():
                found.append(True)
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def _mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENRESTREAM_TEST", str(tmp_path))


@pytest.mark.slow
def test_the_number_of_processes_does_not_change_a_figure(tmp_path: Path) -> None:
    plan = make_plan(make_kind("one"), n_seeds=2)
    one, _ = run(plan, tmp_path / "a", n_processes=1)
    three, _ = run(plan, tmp_path / "b", n_processes=3)
    assert figures(one) == figures(three)
    assert np.array_equal(one[0].fits[0].tracks, three[0].fits[0].tracks)
