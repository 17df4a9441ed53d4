"""Turns a table's figures into pictures: class balance, correlations, principal axes, shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from training.explore.findings import GenreCount, Shift
from training.explore.relations import Projection, Relations
from training.report.document import Drawing
from training.report.plots import WIDTH, headed, short
from training.report.spelling import count, percent
from training.report.svg import CARD, INK, SERIES, SOFT, Margins, draw

MOST_SHIFTS: Final = 20
_LINE_HEIGHT: Final = 21.0
_OPPOSITE: Final = LinearSegmentedColormap.from_list(
    "opposite", ((0.84, 0.37, 0.0, 1.0), (0.5, 0.5, 0.5, 0.0), (0.0, 0.45, 0.70, 1.0))
)
"""Orange for -1, blue for +1, nothing for 0: it stands on a light page and on a dark one."""


def balance_drawing(genres: Sequence[GenreCount], *, title: str, name: str) -> Drawing:
    """Draw how many windows each genre has."""
    labels = [short(one.genre) for one in genres]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(range(len(genres)), [one.windows for one in genres], height=0.68, color=SERIES[0])
        for y, one in enumerate(genres):
            axes.annotate(
                f"{count(one.windows)} of {count(one.tracks)} tracks", (0, y),
                xytext=(5, 0), textcoords="offset points", va="center", fontsize=10, color=CARD,
            )  # fmt: skip
        axes.set_yticks(range(len(genres)), labels)
        axes.set_ylim(len(genres) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("windows")
        axes.grid(axis="x")
        headed(figure, title)

    return Drawing(
        title=title,
        svg=draw(
            paint,
            name=name,
            width=WIDTH,
            height=82.0 + _LINE_HEIGHT * len(genres),
            margins=Margins.beside(labels, top=30.0),
        ),
        caption=f"n = {count(sum(one.windows for one in genres))} windows of "
        f"{count(sum(one.tracks for one in genres))} tracks.",
    )


def correlation_drawing(relations: Relations, *, names: Sequence[str], n: int) -> Drawing:
    """Draw all correlations; columns that say the same stand together."""
    order = relations.order
    labels = [short(names[place]) for place in order]
    room = 14.0 + 4.6 * max(len(label) for label in labels)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(
            relations.correlations[np.ix_(order, order)],
            cmap=_OPPOSITE, vmin=-1.0, vmax=1.0, interpolation="none", aspect="auto",
        )  # fmt: skip
        axes.set_yticks(range(len(labels)), labels, fontsize=7.5)
        axes.set_xticks(range(len(labels)), labels, fontsize=7.5, rotation=90)
        axes.tick_params(length=0, labelcolor=SOFT)

    side = 10.0 * len(labels)
    return Drawing(
        title="Correlation of every feature with every other",
        svg=draw(
            paint,
            name="correlations",
            width=side + room + 8.0,
            height=side + room + 8.0,
            margins=Margins(left=room, bottom=room, top=8.0, right=8.0),
        ),
        caption=f"n = {count(n)} windows. Blue: together, orange: against each other, empty: neither.",
    )


def projection_drawings(projection: Projection) -> tuple[Drawing, ...]:
    """Draw tracks on two principal axes, a picture a genre: all tracks grey, the genre's own coloured."""
    places = projection.places
    low, high = np.percentile(places, 0.5, axis=0), np.percentile(places, 99.5, axis=0)
    room = np.maximum(0.08 * (high - low), 1e-6)

    def paint_genre(figure: Figure, genre: str) -> None:
        axes = figure.subplots()
        own = projection.genres == genre
        axes.scatter(
            places[~own, 0], places[~own, 1], s=5, color="#8a97a5", alpha=0.35, linewidths=0, rasterized=True
        )
        axes.scatter(
            places[own, 0], places[own, 1], s=11, color="#1f8fd6", alpha=0.9, linewidths=0, rasterized=True
        )
        axes.set_xlim(low[0] - room[0], high[0] + room[0])
        axes.set_ylim(low[1] - room[1], high[1] + room[1])
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(short(genre), fontsize=12)

    drawings = []
    for number, label in enumerate(np.unique(projection.genres)):
        genre = str(label)
        drawings.append(
            Drawing(
                title=f"{genre} among all tracks",
                svg=draw(
                    lambda figure, genre=genre: paint_genre(figure, genre),  # type: ignore[misc] # bound now
                    name=f"projection-{number}",
                    width=230.0,
                    height=200.0,
                    margins=Margins(left=8.0, right=8.0, top=26.0, bottom=8.0),
                ),
                caption=f"{count(int(np.sum(projection.genres == label)))} tracks",
            )
        )
    return tuple(drawings)


def projection_caption(projection: Projection) -> str:
    """Say how much of all differences the pictures show."""
    first, second = projection.explained
    return f"They hold {percent(first)} (across) and {percent(second)} (up) of the windows' variance."


def shift_drawing(shifts: Sequence[Shift]) -> Drawing:
    """Draw the columns that lie furthest apart between the own table and the extra one."""
    found = sorted(shifts, key=lambda one: -abs(_worth(one)))[:MOST_SHIFTS]
    labels = [short(one.feature) for one in found]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for y, one in enumerate(found):
            axes.plot((0.0, _worth(one)), (y, y), color=SERIES[0], linewidth=2, alpha=0.5)
            axes.plot([one.overall], [y], marker="D", markersize=5, color=SERIES[1], markeredgecolor=CARD)
            axes.plot([_worth(one)], [y], marker="o", markersize=6, color=SERIES[0], markeredgecolor=CARD)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(found)), labels)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("extra mean minus own mean (standard deviations)")
        axes.grid(axis="x")

    return Drawing(
        title="Features that differ most between the tables",
        svg=draw(
            paint,
            name="shifts",
            width=460.0,
            height=66.0 + _LINE_HEIGHT * len(found),
            margins=Margins.beside(labels),
        ),
        caption="Dots: within genres that both tables have, averaged; diamonds: over all windows.",
    )


def _worth(shift: Shift) -> float:
    return shift.overall if shift.within_genres is None else shift.within_genres
