"""The plan asks each question once, keeps one graph of large models, and knows what a row may cost."""

from __future__ import annotations

from dataclasses import replace

from tests.training.benchmark.tiny import make_data, make_kind, make_lists
from training.benchmark.cell import Export
from training.benchmark.data import BenchmarkData
from training.benchmark.plan import Plan, plan_rows
from training.models.kind import Effort, InputKind, ModelKind
from training.sides import Protocol


def make_plan(kind: ModelKind, data: BenchmarkData) -> Plan:
    return plan_rows([kind], data, effort=Effort.FULL, n_seeds=5)


def as_images(data: BenchmarkData) -> BenchmarkData:
    return replace(data, tables={InputKind.IMAGE: data.tables[InputKind.FEATURES]})


def test_the_extra_table_joins_the_listed_protocols_only() -> None:
    plan = make_plan(make_kind("one"), make_data(extra=True))
    assert [(row.protocol, row.extra) for row in plan.rows] == [
        (Protocol.RANDOM_WINDOWS, False),
        (Protocol.GROUPED_BY_TRACK, False),
        (Protocol.FAULT_FILTERED, False),
        (Protocol.FAULT_FILTERED, True),
        (Protocol.VALIDATION, False),
        (Protocol.VALIDATION, True),
    ]
    assert all(row.reason is None for row in plan.rows)


def test_only_the_first_seed_is_exported() -> None:
    row = make_plan(make_kind("one"), make_data()).rows[0]
    assert [row.cell(seed).export for seed in range(3)] == [Export.KEPT, Export.NONE, Export.NONE]


def test_one_graph_of_an_image_model_is_kept_that_of_the_honest_protocol_where_it_is_there() -> None:
    kind = make_kind("pictures", input_kind=InputKind.IMAGE)
    data = as_images(make_data())
    kept = [row.protocol for row in make_plan(kind, data).rows if row.export is Export.KEPT]
    assert kept == [Protocol.FAULT_FILTERED]
    tables = data.tables[InputKind.IMAGE]
    unlisted = replace(tables, lists=replace(make_lists(), test=frozenset({"rock.99999"})))
    plan = make_plan(kind, replace(data, tables={InputKind.IMAGE: unlisted}))
    assert [row.protocol for row in plan.rows if row.export is Export.KEPT] == [Protocol.RANDOM_WINDOWS]


def test_slow_fits_and_validation_have_three_seeds_at_most() -> None:
    plan = make_plan(make_kind("one"), make_data())
    by_protocol = {row.protocol: row for row in plan.rows}
    honest = by_protocol[Protocol.FAULT_FILTERED]
    assert plan.seeds_of(honest, train_seconds=59.0) == 5
    assert plan.seeds_of(honest, train_seconds=61.0) == 3
    assert plan.seeds_of(by_protocol[Protocol.VALIDATION]) == 3
    assert replace(plan, n_seeds=2).seeds_of(honest, train_seconds=61.0) == 2
