"""Turns a report's figures into one table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from training.report.figures import ModelFigures, Report
from training.sides import Protocol

_COLUMNS = (
    (Protocol.GIVEN, False, "given split"),
    (Protocol.RANDOM_WINDOWS, False, "random windows"),
    (Protocol.GROUPED_BY_TRACK, False, "grouped by track"),
    (Protocol.FAULT_FILTERED, False, "fault-filtered"),
    (Protocol.FAULT_FILTERED, True, "fault-filtered, extra table"),
)
_NOTHING = "-"


def accuracy_table(report: Report) -> Table:
    """Lay out each model's accuracies, window / track, under every protocol that was planned."""
    planned = {(row.protocol, row.extra) for row in report.models}
    columns = [column for column in _COLUMNS if column[:2] in planned]
    table = Table(title="Accuracy: windows / tracks (95% interval of tracks)")
    table.add_column("model", no_wrap=True)
    for _, _, heading in columns:
        table.add_column(heading, justify="right")
    table.add_column("fit, s", justify="right")
    for name, rows in _by_model(report).items():
        cells = [_accuracies(_row(rows, protocol, extra=extra)) for protocol, extra, _ in columns]
        seconds = [row.train_seconds for row in rows if row.train_seconds is not None]
        table.add_row(name, *cells, f"{max(seconds):.1f}" if seconds else _NOTHING)
    return table


def _by_model(report: Report) -> dict[str, list[ModelFigures]]:
    rows: dict[str, list[ModelFigures]] = {}
    for row in report.models:
        rows.setdefault(row.name, []).append(row)
    return rows


def _row(rows: Sequence[ModelFigures], protocol: Protocol, *, extra: bool) -> ModelFigures | None:
    return next((row for row in rows if row.protocol == protocol and row.extra is extra), None)


def _accuracies(row: ModelFigures | None) -> str:
    if row is None or row.track_accuracy is None or row.interval is None:
        return _NOTHING
    window = _NOTHING if row.window_accuracy is None else f"{row.window_accuracy:.3f}"
    low, high = row.interval
    return f"{window} / {row.track_accuracy:.3f} ({low:.2f}-{high:.2f})"
