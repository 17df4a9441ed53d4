"""Turns calibrations into pictures: how often a confidence is right, and what abstaining buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.report.document import Drawing, Drawings
from training.report.figures import Calibration, ModelFigures
from training.report.plots import WIDTH, short
from training.report.spelling import count
from training.report.svg import CARD, SERIES, SOFT, Margins, draw

_STYLES: Final = (("o", "-"), ("D", "--"), ("^", "-."), ("s", ":"))
_HEIGHT: Final = 320.0
MOST_CURVES: Final = len(_STYLES)


def calibration_drawings(rows: Sequence[ModelFigures]) -> Drawings:
    """Draw the reliability diagram and the risk-coverage curve of a few models over one another."""
    found = [(row, row.calibration) for row in rows if row.calibration is not None][:MOST_CURVES]
    n = ", ".join(
        f"{row.title} {count(sum(one.n for one in calibration.reliability))}" for row, calibration in found
    )
    return Drawings(
        items=(
            Drawing(
                title="Reliability",
                svg=draw(
                    lambda figure: _reliability(figure, found),
                    name="reliability",
                    width=WIDTH,
                    height=_HEIGHT,
                    margins=Margins(top=30.0),
                ),
                caption=f"n tracks, all seeds: {n}. On the dotted line a confidence is right as often as "
                "it says; larger marks hold more tracks.",
            ),
            Drawing(
                title="Risk and coverage",
                svg=draw(
                    lambda figure: _risk(figure, found),
                    name="risk",
                    width=WIDTH,
                    height=_HEIGHT,
                    margins=Margins(top=30.0),
                ),
                caption=f"n tracks, all seeds: {n}. Labelling only the surest tracks (left) leaves fewer "
                "wrong labels.",
            ),
        )
    )


def _reliability(figure: Figure, found: Sequence[tuple[ModelFigures, Calibration]]) -> None:
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color=SOFT, linewidth=1, linestyle=(0, (2, 3)))
    for number, (row, calibration) in enumerate(found):
        shape, line = _STYLES[number]
        bins = calibration.reliability
        x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
        most = max((one.n for one in bins), default=1)
        axes.plot(x, y, color=SERIES[number], linestyle=line, linewidth=1.8)
        sizes = [18.0 + 70.0 * one.n / most for one in bins]
        axes.scatter(x, y, s=sizes, marker=shape, color=SERIES[number], edgecolor=CARD, zorder=3)
        axes.plot([], [], color=SERIES[number], linestyle=line, marker=shape, label=short(row.title))
    _frame(axes, title="Reliability", x="mean confidence of similar tracks", y="share labelled rightly")
    axes.set_ylim(0.0, 1.02)
    _legend(axes)


def _risk(figure: Figure, found: Sequence[tuple[ModelFigures, Calibration]]) -> None:
    axes = figure.subplots()
    for number, (row, calibration) in enumerate(found):
        _, line = _STYLES[number]
        points = [point for point in calibration.risk_coverage if point.coverage > 0.0]
        axes.plot(
            [point.coverage for point in points],
            [point.error for point in points],
            color=SERIES[number], linestyle=line, linewidth=1.8, label=short(row.title),
        )  # fmt: skip
    _frame(
        axes,
        title="Risk and coverage",
        x="share of tracks that get a label",
        y="share of labels that are wrong",
    )
    axes.set_ylim(bottom=0.0)
    _legend(axes)


def _frame(axes: Axes, *, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0.0, 1.02)
    axes.tick_params(labelcolor=SOFT)
    axes.grid()


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left")
