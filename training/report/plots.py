"""Turns accuracies into pictures: dots with intervals under each protocol, and accuracy against speed."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from training.report.document import Drawing, Drawings
from training.report.figures import ModelFigures, Report
from training.report.settings import (
    RANDOM,
    Setting,
    best_of,
    cost_row,
    honest_protocol,
    measured_under,
    names_of,
    rows_of,
    title_of,
)
from training.report.spelling import count, shown, three
from training.report.svg import CARD, INK, SERIES, SOFT, Margins, draw

WIDTH: Final = 400.0
_LINE_HEIGHT: Final = 21.0
_LONGEST: Final = 26
"""Letters of a model's title that a picture has room for beside it."""


def accuracy_drawings(report: Report, settings: list[Setting]) -> Drawings:
    """Draw one picture a protocol: track accuracy with its interval, with the extra table and without."""
    protocols = list(dict.fromkeys(setting.protocol for setting in settings))
    order = _ranking(report)
    drawings = [_accuracy_drawing(report, protocol, order) for protocol in protocols]
    return Drawings(items=tuple(one for one in drawings if one is not None))


def _ranking(report: Report) -> list[str]:
    """Give the models' names, best first where it counts, so that all pictures have the same order."""
    honest = honest_protocol(report)

    def worth(name: str) -> tuple[float, float]:
        rows = [row for row in report.models if row.name == name and row.track_accuracy is not None]
        best = max((row.track_accuracy or 0.0 for row in rows if row.protocol == honest), default=-1.0)
        return best, max((row.track_accuracy or 0.0 for row in rows), default=-1.0)

    return sorted(names_of(report), key=worth, reverse=True)


def _accuracy_drawing(report: Report, protocol: str, order: list[str]) -> Drawing | None:
    sides = [Setting(protocol, extra=False), Setting(protocol, extra=True)]
    measured = [[row for row in rows_of(report, side) if row.track_accuracy is not None] for side in sides]
    names = [name for name in order if any(row.name == name for rows in measured for row in rows)]
    if not names:
        return None
    labels = [short(title_of(report, name)) for name in names]
    has_source = protocol == RANDOM and any(row.source_accuracy is not None for row in measured[0])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        both = all(measured)
        for number, rows in enumerate(measured):
            nudge = (number - 0.5) * 0.34 if both else 0.0
            for row in rows:
                _dot(axes, row, y=names.index(row.name) + nudge, colour=SERIES[number], shape="oD"[number])
        if has_source:
            rows = [row for row in measured[0] if row.source_accuracy is not None]
            axes.plot(
                [row.source_accuracy or 0.0 for row in rows],
                [names.index(row.name) for row in rows],
                linestyle="none", marker="x", markersize=6, markeredgewidth=1.6, color=SERIES[5],
            )  # fmt: skip
        axes.set_yticks(range(len(names)), labels)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(
            "accuracy (share of tracks or windows)" if has_source else "track accuracy (share of tracks)"
        )
        axes.grid(axis="x")
        chance = 1.0 / len(report.genres) if report.genres else 0.0
        axes.axvline(chance, color=SOFT, linewidth=1, linestyle=(0, (2, 3)))
        axes.set_xlim(0.0, 1.02)
        headed(figure, sides[0].title)

    return Drawing(
        title=f"Track accuracy under {sides[0].title}",
        svg=draw(
            paint,
            name=f"accuracy-{_word(protocol)}",
            width=WIDTH,
            height=82.0 + _LINE_HEIGHT * len(names),
            margins=Margins.beside(labels, top=30.0),
        ),
        caption=_accuracy_caption(measured, has_source=has_source),
    )


def _accuracy_caption(measured: list[list[ModelFigures]], *, has_source: bool) -> str:
    counts = sorted({row.n_tracks for rows in measured for row in rows if row.n_tracks is not None})
    n = (
        f"n = {' to '.join(count(one) for one in dict.fromkeys((counts[0], counts[-1])))} test tracks. "
        if counts
        else ""
    )
    keys = "Dots: without the extra table; diamonds: with it. " if all(measured) else ""
    cross = "Rings: window accuracy; crosses: the source report's. " if has_source else ""
    return f"{n}{keys}{cross}Bars: 95 % intervals. Dotted line: guessing."


def _dot(axes: Axes, row: ModelFigures, *, y: float, colour: str, shape: str) -> None:
    if row.protocol == RANDOM and row.window_accuracy is not None:
        axes.plot([row.window_accuracy], [y], marker="o", markersize=5, color=colour, fillstyle="none")
    if row.interval is not None:
        axes.plot(row.interval, (y, y), color=colour, linewidth=2.2, solid_capstyle="round", alpha=0.55)
    axes.plot(
        [row.track_accuracy or 0.0], [y], marker=shape, markersize=6, color=colour, markeredgecolor=CARD
    )


def speed_drawing(report: Report) -> Drawing | None:
    """Draw honest accuracy against the speed of the exported graph."""
    honest = honest_protocol(report)
    rows = []
    for name in names_of(report):
        best = best_of([row for row in measured_under(report, honest) if row.name == name])
        speed = cost_row(report, name).windows_per_second
        if best is not None and speed is not None:
            rows.append(best.model_copy(update={"windows_per_second": speed}))
    if len(rows) < 2:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        for row in rows:
            speed, accuracy = row.windows_per_second or 1.0, row.track_accuracy or 0.0
            if row.interval is not None:
                axes.plot((speed, speed), row.interval, color=SERIES[0], linewidth=2, alpha=0.25)
            axes.plot([speed], [accuracy], marker="o", markersize=6, color=SERIES[0], markeredgecolor=CARD)
        speeds = [row.windows_per_second or 1.0 for row in rows]
        # Room on the right for the longest name.
        axes.set_xlim(min(speeds) / 2.0, max(speeds) * max(8.0, 2.0 * (max(speeds) / min(speeds)) ** 0.45))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: three(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelcolor=SOFT)
        axes.set_xlabel("windows scored per second on one core (log scale)")
        axes.set_ylabel("honest track accuracy")
        axes.grid()
        axes.autoscale_view()
        _name_points(axes, rows)

    return Drawing(
        title="Accuracy against speed",
        svg=draw(paint, name="speed", width=460.0, height=360.0),
        caption=f"n = {len(rows)} models; exported graphs, onnxruntime, one core. Bars: 95 % intervals. Up "
        "and to the right is better.",
    )


def headed(figure: Figure, title: str) -> None:
    """Write a title over a picture's whole width."""
    height = 72.0 * figure.get_figheight()
    figure.suptitle(title, x=0.01, y=1.0 - 6.0 / height, ha="left", va="top", fontsize=12, fontweight="bold")


def _name_points(axes: Axes, rows: list[ModelFigures]) -> None:
    """Write each model's title right of its dot, moved up or down where another's is in the way."""
    taken: list[tuple[float, float, float]] = []
    to_pixels = axes.transData.transform
    scale = axes.figure.get_dpi() / 72.0
    for row in sorted(rows, key=lambda one: -(one.track_accuracy or 0.0)):
        text = short(row.title)
        x, y = to_pixels((row.windows_per_second or 1.0, row.track_accuracy or 0.0))
        left, right = x + 7 * scale, x + (7 + 5.4 * len(text)) * scale
        for moved in (0, -11, 11, -22, 22, -33, 33, -44, 44):
            place = y + moved * scale
            if all(right < low or left > high or abs(place - at) > 10.5 * scale for low, high, at in taken):
                break
        taken.append((left, right, place))
        axes.annotate(
            text,
            (row.windows_per_second or 1.0, row.track_accuracy or 0.0),
            xytext=(7, moved), textcoords="offset points", va="center", fontsize=9.5, color=INK,
        )  # fmt: skip


def short(text: str, *, longest: int = _LONGEST) -> str:
    """Cut a name to what a picture has room for."""
    text = shown(text).replace("\n", " ")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _word(text: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
