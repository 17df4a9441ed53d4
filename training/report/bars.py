"""Turns gains and importances into pictures: what each change gave, and which features a model leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

from training.report.document import Drawing
from training.report.figures import Importance, Step
from training.report.plots import WIDTH, headed, short
from training.report.svg import CARD, SERIES, SOFT, Margins, draw

MOST_FEATURES: Final = 15
_LINE_HEIGHT: Final = 21.0


def steps_drawing(steps: Sequence[Step]) -> Drawing | None:
    """Draw the gain of every step over the one that it changes."""
    found = [step for step in steps if step.gain is not None]
    if not found:
        return None
    labels = [short(step.title, longest=34) for step in found]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for y, step in enumerate(found):
            # Only an interval that leaves zero out says that a step is more than luck.
            sure = (
                step.gain_interval is not None and not step.gain_interval[0] <= 0.0 <= step.gain_interval[1]
            )
            colour = SERIES[5] if not sure else SERIES[2] if (step.gain or 0.0) > 0.0 else SERIES[1]
            if step.gain_interval is not None:
                axes.plot(step.gain_interval, (y, y), color=colour, linewidth=2.2, alpha=0.55)
            axes.plot([step.gain or 0.0], [y], marker="o", markersize=6.5, color=colour, markeredgecolor=CARD)
        axes.axvline(0.0, color=SOFT, linewidth=1)
        axes.set_yticks(range(len(found)), labels)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("gain in validation track accuracy over its base")
        axes.grid(axis="x")

    return Drawing(
        title="What each step gave",
        svg=draw(
            paint,
            name="steps",
            width=460.0,
            height=66.0 + _LINE_HEIGHT * len(found),
            margins=Margins.beside(labels),
        ),
        caption=f"n = {len(found)} steps. Bars: 95 % paired bootstrap over tracks and seeds. Grey: cannot "
        "be told from luck; green: better; orange: worse.",
    )


def importance_drawings(model: str, title: str, importances: Sequence[Importance]) -> list[Drawing]:
    """Draw the features that a model leans on most, by permutation and, for trees, by SHAP."""
    by_permutation = top(importances, by="permutation")
    drawings = [
        _bars(
            f"{title}: permutation",
            name=f"permutation-{model}",
            rows=[(one.feature, one.permutation) for one in by_permutation],
            unit="fall of window accuracy when shuffled",
            colour=SERIES[0],
        )
    ]
    by_shap = top(importances, by="shap")
    if by_shap:
        drawings.append(
            _bars(
                f"{title}: SHAP",
                name=f"shap-{model}",
                rows=[(one.feature, one.shap or 0.0) for one in by_shap],
                unit="mean |SHAP value| (log-odds)",
                colour=SERIES[4],
            )
        )
    return drawings


def top(importances: Sequence[Importance], *, by: str) -> list[Importance]:
    """Give the greatest of one kind, greatest first."""
    if by == "shap":
        found = [one for one in importances if one.shap is not None]
        return sorted(found, key=lambda one: -(one.shap or 0.0))[:MOST_FEATURES]
    return sorted(importances, key=lambda one: -one.permutation)[:MOST_FEATURES]


def _bars(title: str, *, name: str, rows: Sequence[tuple[str, float]], unit: str, colour: str) -> Drawing:
    labels = [short(feature) for feature, _ in rows]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(range(len(rows)), [value for _, value in rows], height=0.68, color=colour)
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(unit)
        axes.grid(axis="x")
        headed(figure, short(title, longest=46))

    return Drawing(
        title=title,
        svg=draw(
            paint,
            name=name,
            width=WIDTH,
            height=82.0 + _LINE_HEIGHT * len(rows),
            margins=Margins.beside(labels, top=30.0),
        ),
        caption=f"The {len(rows)} features with most of it.",
    )
