"""Turns training losses into a section: whether fits had come to an end when they were stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

from training.report.document import Cell, Column, Drawing, Drawings, Section, Table
from training.report.figures import ModelFigures, Report
from training.report.plots import short
from training.report.settings import cost_row, names_of
from training.report.spelling import count, share, signed
from training.report.svg import SERIES, SOFT, Margins, draw

_LINES: Final = ("-", "--", "-.")
_WIDTH: Final = 560.0
_LEGEND: Final = 190.0
_TAIL: Final = 0.1
"""Share of the passes, at the end, over which a fit that has converged gains little."""


def convergence_section(report: Report) -> Section | None:
    """Show how the losses of models that are fitted in passes fell; None where no model is."""
    rows = [row for name in names_of(report) if (row := cost_row(report, name)).losses]
    if not rows:
        return None
    table = Table(
        columns=(
            Column(name="model", number=False),
            Column(name="passes"),
            Column(name="loss of the first"),
            Column(name="of the last"),
            Column(name="change over the last tenth"),
        ),
        rows=tuple(
            (
                Cell(text=row.title),
                Cell(text=count(len(row.losses))),
                Cell(text=share(row.losses[0])),
                Cell(text=share(row.losses[-1])),
                Cell(text=signed(_late_change(row.losses))),
            )
            for row in rows
        ),
        note="In nats, of the first seed; the last tenth is one pass at least. Rows are augmented, mixed and "
        "weighted as the fit asks, and targets are smoothed: the least loss there can be is above zero and "
        "differs from model to model.",
    )
    return Section(
        title="How fits came to an end",
        intro="A fit whose loss still falls steeply at the end would have gained by lasting longer. All fits "
        "end with a learning rate of almost zero.",
        parts=(Drawings(items=(_drawing(rows),)), table),
    )


def _late_change(losses: Sequence[float]) -> float | None:
    """Subtract the loss before the last tenth of the passes from the last; None of one pass."""
    n_late = max(1, round(_TAIL * len(losses)))
    return losses[-1] - losses[-1 - n_late] if len(losses) > n_late else None


def _drawing(rows: Sequence[ModelFigures]) -> Drawing:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, row in enumerate(rows):
            n = len(row.losses)
            axes.plot(
                [(done + 1) / n for done in range(n)],
                row.losses,
                color=SERIES[number % len(SERIES)],
                linestyle=_LINES[number // len(SERIES) % len(_LINES)],
                linewidth=1.8,
                marker="o" if n == 1 else None,
                label=short(row.title),
            )
        axes.set_xlim(0.0, 1.02)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("share of the fit that is done")
        axes.set_ylabel("training loss (nats)")
        axes.tick_params(labelcolor=SOFT)
        axes.grid()
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)

    return Drawing(
        title="Training loss",
        svg=draw(paint, name="losses", width=_WIDTH, height=340.0, margins=Margins(right=_LEGEND)),
        caption=f"n = {len(rows)} models, one fit each: first seed, protocol with the most rows to fit.",
    )
