"""Turns models and data into the rows of a benchmark's table, and each row into its fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.benchmark.cell import Cell, Drawer, Export
from training.benchmark.data import BenchmarkData, one_row_a_track
from training.models.kind import Effort, InputKind, ModelKind
from training.sides import NotComputable, Protocol

SLOW_FIT_SECONDS = 60.0
FEWER_SEEDS = 3
"""Fits of a row at most where one takes over a minute, and of `validation`: what is chosen there is not a
figure of the report's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model under one protocol.

    Attributes
    ----------
    kind : ModelKind
        The model.
    protocol : Protocol
        How its sides are drawn.
    extra : bool
        Whether the extra table joins the training side.
    effort : Effort
        How much work a fit may be.
    export : Export
        What becomes of the first seed's model.
    n_shuffles : int
        Shuffles of each feature that the first seed's model is asked about; 0 for none.
    reason : str or None
        Why it cannot be computed.
    """

    kind: ModelKind
    protocol: Protocol
    extra: bool
    effort: Effort
    export: Export
    n_shuffles: int = 0
    reason: str | None = None

    def cell(self, seed: int) -> Cell:
        """Name the fit of one seed."""
        return Cell(
            kind=self.kind,
            protocol=self.protocol,
            extra=self.extra,
            seed=seed,
            effort=self.effort,
            export=self.export if seed == 0 else Export.NONE,
            n_shuffles=self.n_shuffles if seed == 0 else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a benchmark measures.

    Attributes
    ----------
    rows : tuple of Row
        In the order of the report: by model, then by protocol.
    n_seeds : int
        Fits of each row, unless they are slow or draw nothing.
    """

    rows: tuple[Row, ...]
    n_seeds: int

    def seeds_of(self, row: Row, *, train_seconds: float = 0.0) -> int:
        """Say how many fits a row has whose first took so long."""
        is_short = train_seconds > SLOW_FIT_SECONDS or row.protocol is Protocol.VALIDATION
        return min(self.n_seeds, FEWER_SEEDS) if is_short else self.n_seeds


def protocols_for(data: BenchmarkData, *, kind: InputKind) -> tuple[tuple[Protocol, bool], ...]:
    """List the protocols of a kind of input, each with whether the extra table joins it."""
    tables = data.of(kind)
    given = [(Protocol.GIVEN, False)] if tables.given is not None else []
    # The two that are there to be compared with published figures are measured on the own table alone. Where
    # a track is one row, drawing rows is drawing tracks: it is done once.
    drawn = [(Protocol.GROUPED_BY_TRACK, False)]
    if not one_row_a_track(tables):
        drawn.insert(0, (Protocol.RANDOM_WINDOWS, False))
    joined = [False] if tables.extra is None else [False, True]
    listed = [
        (protocol, extra) for protocol in (Protocol.FAULT_FILTERED, Protocol.VALIDATION) for extra in joined
    ]
    return (*given, *drawn, *listed)


def plan_rows(kinds: Sequence[ModelKind], data: BenchmarkData, *, effort: Effort, n_seeds: int) -> Plan:
    """Lay out every model under every protocol.

    Parameters
    ----------
    kinds : sequence of ModelKind
        The models, in the report's order.
    data : BenchmarkData
        What there is to fit to.
    effort : Effort
        How much work each fit may be.
    n_seeds : int
        Fits of each row.
    """
    reasons: dict[tuple[InputKind, Protocol, bool], str | None] = {}
    rows: list[Row] = []
    drawer = Drawer(data)
    for kind in kinds:
        of_kind: list[Row] = []
        for protocol, extra in protocols_for(data, kind=kind.input):
            key = (kind.input, protocol, extra)
            if key not in reasons:
                sides = drawer.draw(kind.input, protocol=protocol, extra=extra, seed=0)
                reasons[key] = sides.reason if isinstance(sides, NotComputable) else None
            of_kind.append(
                Row(
                    kind=kind,
                    protocol=protocol,
                    extra=extra,
                    effort=effort,
                    export=Export.COMPARED if kind.input is InputKind.IMAGE else Export.KEPT,
                    reason=reasons[key],
                )
            )
        rows.extend(_keeping_one_graph(of_kind))
    return Plan(rows=tuple(rows), n_seeds=n_seeds)


def _keeping_one_graph(rows: Sequence[Row]) -> list[Row]:
    """Keep one graph of a model whose graphs are all alike in speed: they are large."""
    if any(row.export is Export.KEPT for row in rows):
        return list(rows)
    computable = [row for row in rows if row.reason is None]
    kept = next((row for row in computable if row.protocol is Protocol.FAULT_FILTERED), None)
    kept = kept or (computable[0] if computable else None)
    return [replace(row, export=Export.KEPT) if row is kept else row for row in rows]
