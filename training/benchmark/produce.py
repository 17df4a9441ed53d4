"""Turns data and models into a `Report`: plan, fits, leaks, ensembles, steps and importance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from training.benchmark.cell import Export
from training.benchmark.data import BenchmarkData
from training.benchmark.gather import gather
from training.benchmark.leaks import find_leaks
from training.benchmark.machine import describe_machine
from training.benchmark.plan import Plan, Row, plan_rows
from training.benchmark.run import MeasuredRow, Watch, measure_rows
from training.benchmark.store import CellStore, check_writable
from training.evaluate import TrackScores
from training.models.kind import Effort, InputKind, ModelKind
from training.report.figures import Importance, Report, Step
from training.sides import Protocol
from training.steps import STEPS, StepPlan, step_figures

EXPLAINED = frozenset({"lightgbm", "xgboost", "mlp-dropout"})
"""Models whose importance of features is measured: two of trees and one network."""

N_SHUFFLES = 5
CELLS_FOLDER = "cells"
_FULL_ROUNDS, _QUICK_ROUNDS = 5, 1
"""Turns that each graph's speed is measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is to be measured, and how.

    Attributes
    ----------
    kinds : tuple of ModelKind
        The models.
    data : BenchmarkData
        What they are fitted to and measured on.
    out : Path
        Folder of the report; fits are kept in its `cells`.
    effort : Effort
        How much work a fit may be.
    n_seeds : int
        Fits of each model under each protocol, at least 1.
    n_processes : int
        Processes of one thread each, at least 1.
    steps : tuple of StepPlan
        Changes whose gain is measured; see `steps_for`.
    explained : frozenset of str
        Names of the models whose importance of features is measured.
    command : str
        Makes the report again.
    """

    kinds: tuple[ModelKind, ...]
    data: BenchmarkData
    out: Path
    effort: Effort
    n_seeds: int
    n_processes: int
    steps: tuple[StepPlan, ...]
    explained: frozenset[str]
    command: str


def steps_for(data: BenchmarkData) -> tuple[StepPlan, ...]:
    """List the steps that can be measured on some data: they need the named features."""
    if not data.feature_names:
        return ()
    joined = data.of(InputKind.FEATURES).extra is not None
    return tuple(step for step in STEPS if joined or not step.extra)


def produce(
    benchmark: Benchmark, *, watch: Watch, created_at: datetime
) -> tuple[Report, tuple[MeasuredRow, ...]]:
    """Measure everything and gather the report.

    Returns
    -------
    Report
        The figures.
    tuple of MeasuredRow
        Rows without a figure because a fit failed.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    data = benchmark.data
    store = CellStore(benchmark.out / CELLS_FOLDER, data.fingerprint())
    check_writable(store.folder)
    plan = plan_rows(benchmark.kinds, data, effort=benchmark.effort, n_seeds=benchmark.n_seeds)
    planned = tuple(_explaining(row, benchmark) for row in plan.rows)
    steps = _step_rows(benchmark.steps, planned, effort=benchmark.effort)
    every = measure_rows(
        Plan(rows=(*planned, *steps), n_seeds=plan.n_seeds),
        data,
        store=store,
        n_processes=benchmark.n_processes,
        watch=watch,
    )
    rows, of_steps = every[: len(planned)], every[len(planned) :]
    is_quick = benchmark.effort is Effort.QUICK
    report = Report(
        created_at=created_at,
        command=benchmark.command,
        quick=is_quick,
        seconds=sum(fit.seconds for row in every for fit in row.fits),
        machine=describe_machine(n_processes=benchmark.n_processes),
        genres=data.genres,
        data=data.figures,
        models=gather(rows, data, store=store, n_rounds=_QUICK_ROUNDS if is_quick else _FULL_ROUNDS),
        leaks=find_leaks(data),
        steps=_steps(benchmark.steps, of_steps, rows),
        importance=_importance(rows),
    )
    return report, tuple(row for row in every if row.failed)


def _step_rows(steps: Sequence[StepPlan], plan: Sequence[Row], *, effort: Effort) -> tuple[Row, ...]:
    validation = [row for row in plan if row.protocol is Protocol.VALIDATION]
    # Where the models' own validation cannot be computed, the steps' cannot either.
    if not validation or any(row.reason is not None for row in validation):
        return ()
    return tuple(
        Row(
            kind=step.kind,
            protocol=Protocol.VALIDATION,
            extra=step.extra,
            effort=effort,
            export=Export.NONE,
        )
        for step in steps
    )


def _steps(
    plans: Sequence[StepPlan], measured: Sequence[MeasuredRow], rows: Sequence[MeasuredRow]
) -> tuple[Step, ...]:
    """Compute the steps' figures; models of whole tracks stand beside them, as pooling of another kind."""
    scores: dict[str, list[TrackScores]] = {}
    by_kind = {row.row.kind.name: row for row in measured if row.fits}
    for plan in plans:
        if plan.kind.name in by_kind:
            scores[plan.name] = [fit.scores() for fit in by_kind[plan.kind.name].fits]
    if not scores:
        return ()
    joined = any(plan.extra for plan in plans if plan.name in scores)
    for row in rows:
        asked = row.row
        # Beside the last step, which the extra table has joined if any has.
        beside = asked.protocol is Protocol.VALIDATION and asked.extra is joined
        if asked.kind.input is InputKind.TRACK and beside and row.fits:
            scores[asked.kind.title] = [fit.scores() for fit in row.fits]
    return step_figures(scores, seed=0)


def _explaining(row: Row, benchmark: Benchmark) -> Row:
    asked = row.protocol is Protocol.VALIDATION and not row.extra and row.kind.name in benchmark.explained
    is_named = row.kind.input is InputKind.FEATURES and benchmark.data.feature_names
    return replace(row, n_shuffles=N_SHUFFLES) if asked and is_named else row


def _importance(rows: Sequence[MeasuredRow]) -> dict[str, tuple[Importance, ...]]:
    return {row.row.kind.name: row.fits[0].importance for row in rows if row.fits and row.fits[0].importance}
