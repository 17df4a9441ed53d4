"""Turns measured rows into the report's figures, the ensembles among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.benchmark.cell import Export, Measured
from training.benchmark.data import BenchmarkData, one_row_a_track
from training.benchmark.ensembling import Ensemble, average, choose
from training.benchmark.figures import Entry, measure_out
from training.benchmark.graphs import open_graph
from training.benchmark.run import MeasuredRow
from training.benchmark.speed import Runner, rows_per_second
from training.benchmark.store import CellStore
from training.models.ensemble import ensemble_graph
from training.models.kind import InputKind
from training.models.pooling import pool_tracks
from training.report.figures import ModelFigures
from training.sides import NotComputable, Protocol, draw_sides

Key = tuple[str, Protocol, bool]
"""A model's name, a protocol and whether the extra table joined it."""

_SPEED_ROWS = 256
"""Real rows that a graph's speed is measured on."""


def gather(
    rows: Sequence[MeasuredRow], data: BenchmarkData, *, store: CellStore, n_rounds: int
) -> tuple[ModelFigures, ...]:
    """Compute the figures of every model and ensemble under every protocol.

    Parameters
    ----------
    rows : sequence of MeasuredRow
        What was measured.
    data : BenchmarkData
        On what.
    store : CellStore
        Holds the exported graphs.
    n_rounds : int
        Turns that each graph's speed is measured in.

    Returns
    -------
    tuple of ModelFigures
        By model in the rows' order, ensembles last; by protocol in the rows' order.
    """
    graphs = {_key(row): graph for row in rows if (graph := _graph_of(row, store)) is not None}
    entries = [_entry(row, rows) for row in rows]
    for extra in sorted({row.row.extra for row in rows}):
        for ensemble in choose(rows, extra=extra):
            made = _ensemble_entries(ensemble, rows, extra=extra, graphs=graphs, data=data)
            entries.extend(made)
    speeds = _speeds(graphs, data, entries=entries, n_rounds=n_rounds)
    timed = [replace(entry, windows_per_second=_speed_of(entry, speeds)) for entry in entries]
    return tuple(
        measure_out(same, n_genres=len(data.genres)) for entry in timed for same in _both(entry, data)
    )


def _entry(row: MeasuredRow, rows: Sequence[MeasuredRow]) -> Entry:
    kind = row.row.kind
    note = kind.note
    if row.fits and not row.is_drawn:
        note = f"{note} Draws nothing: two fits gave the same model, which stands for every seed.".strip()
    return Entry(
        name=kind.name,
        title=kind.title,
        note=note,
        input=kind.input,
        source_accuracy=kind.source_accuracy,
        protocol=row.row.protocol,
        extra=row.row.extra,
        fits=row.fits,
        validation=_validation_of(row, rows),
        why=row.why,
    )


def _validation_of(row: MeasuredRow, rows: Sequence[MeasuredRow]) -> tuple[Measured, ...]:
    for other in rows:
        asked = other.row
        if (asked.kind.name, asked.protocol, asked.extra) == (
            row.row.kind.name,
            Protocol.VALIDATION,
            row.row.extra,
        ):
            return other.fits
    return ()


def _both(entry: Entry, data: BenchmarkData) -> Iterable[Entry]:
    """Show one measurement twice where drawing rows is drawing tracks."""
    if entry.protocol is Protocol.GROUPED_BY_TRACK and one_row_a_track(data.of(entry.input)):
        yield replace(entry, protocol=Protocol.RANDOM_WINDOWS)
    yield entry


def _key(row: MeasuredRow) -> Key:
    return row.row.kind.name, row.row.protocol, row.row.extra


def _graph_of(row: MeasuredRow, store: CellStore) -> bytes | None:
    if not row.fits or row.row.export is not Export.KEPT:
        return None
    return store.graph_path(row.row.cell(0)).read_bytes()


def _ensemble_entries(
    ensemble: Ensemble,
    rows: Sequence[MeasuredRow],
    *,
    extra: bool,
    graphs: dict[Key, bytes],
    data: BenchmarkData,
) -> list[Entry]:
    """Average the members under each protocol; adds each merged graph to `graphs`.

    Members that the extra table joined are measured under the listed protocols only.
    """
    entries: list[Entry] = []
    by_key = {_key(row): row for row in rows}
    protocols = list(dict.fromkeys(row.row.protocol for row in rows if row.row.extra is extra))
    validation = _averaged(ensemble, Protocol.VALIDATION, extra=extra, by_key=by_key)
    for protocol in protocols:
        fits = _averaged(ensemble, protocol, extra=extra, by_key=by_key)
        parts = [graphs.get((member, protocol, extra)) for member in ensemble.members]
        whole = [part for part in parts if part is not None]
        if fits and ensemble.input is InputKind.FEATURES and len(whole) == len(parts):
            graph = ensemble_graph(whole)
            graphs[ensemble.name, protocol, extra] = graph
            fits = (_compared(fits[0], graph, data=data, protocol=protocol), *fits[1:])
        entries.append(
            Entry(
                name=ensemble.name,
                title=ensemble.title,
                note=ensemble.note,
                input=ensemble.input,
                source_accuracy=None,
                protocol=protocol,
                extra=extra,
                fits=fits,
                validation=validation,
                why=None if fits else "a member has no figure",
            )
        )
    return entries


def _averaged(
    ensemble: Ensemble, protocol: Protocol, *, extra: bool, by_key: dict[Key, MeasuredRow]
) -> tuple[Measured, ...]:
    members = [by_key.get((member, protocol, extra)) for member in ensemble.members]
    there = [member for member in members if member is not None]
    return average(there, input_kind=ensemble.input) if len(there) == len(members) else ()


def _compared(fit: Measured, graph: bytes, *, data: BenchmarkData, protocol: Protocol) -> Measured:
    """Compare the merged graph with the members' mean over the test rows of the first seed."""
    sides = draw_sides(protocol, replace(data.of(InputKind.FEATURES), extra=None), seed=0)
    if isinstance(sides, NotComputable):
        return fit
    difference = float(np.abs(open_graph(graph)(sides.test.inputs) - fit.probabilities).max())
    return replace(fit, graph_bytes=len(graph), onnx_difference=difference)


def _speeds(
    graphs: dict[Key, bytes], data: BenchmarkData, *, entries: Sequence[Entry], n_rounds: int
) -> dict[Key, float]:
    inputs: dict[InputKind, NDArray[np.float32]] = {}
    for kind in {entry.input for entry in entries}:
        own = data.of(kind).own
        if kind is InputKind.TRACK:
            names = frozenset(own.track_names[:_SPEED_ROWS])
            inputs[kind] = pool_tracks(own.of_tracks(names), feature_names=data.feature_names).inputs
        else:
            inputs[kind] = own.inputs[:_SPEED_ROWS]
    of_key = {(entry.name, entry.protocol, entry.extra): entry.input for entry in entries}
    runners = {key: Runner(graph, inputs[of_key[key]]) for key, graph in graphs.items()}
    return rows_per_second(runners, n_rounds=n_rounds)


def _speed_of(entry: Entry, speeds: dict[Key, float]) -> float | None:
    """Give a row whose graph was not kept the speed of the same network fitted under another protocol."""
    if not entry.fits:
        return None
    own = speeds.get((entry.name, entry.protocol, entry.extra))
    return own if own is not None else next((speeds[key] for key in speeds if key[0] == entry.name), None)
