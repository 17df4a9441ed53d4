"""Turns each feature into a small picture of how it is spread in every genre, drawn without a library."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.report.document import Drawing
from training.report.plots import short
from training.report.spelling import three

# matplotlib takes a tenth of a second a picture; a table of 57 features has 57.
_WIDTH: Final = 250.0
_LEFT, _RIGHT, _TOP, _ROW, _BOTTOM = 74.0, 8.0, 22.0, 14.0, 18.0
_LONGEST: Final = 11
_PERCENTILES: Final = (5, 25, 50, 75, 95)


def draw_strip(
    column: NDArray[np.float64], *, name: str, genres: NDArray[np.str_], logarithmic: bool
) -> Drawing:
    """Draw one feature: a row a genre with its middle half, its 5th and 95th percentile and its median.

    Parameters
    ----------
    column : ndarray, shape (n,), float64
        The feature of each window; positive where `logarithmic`.
    name : str
        The feature's.
    genres : ndarray, shape (n,), str
        Each window's label.
    logarithmic : bool
        Whether the axis is.
    """
    values = np.log10(column) if logarithmic else column
    low, high = (float(end) for end in np.percentile(values, (1, 99)))
    width = high - low if high > low else 1.0

    def x(value: float) -> float:
        inside = min(max((value - low) / width, 0.0), 1.0)
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * inside, 1)

    labels = np.unique(genres)
    bottom = _TOP + _ROW * len(labels)
    parts = [
        f'<text x="0" y="12" style="fill: var(--ink); font-size: 11.5px; font-weight: 600">'
        f"{escape(short(name))}{' (log)' if logarithmic else ''}</text>"
    ]
    for number, genre in enumerate(labels):
        y = _TOP + _ROW * (number + 0.5)
        spread = [x(float(one)) for one in np.percentile(values[genres == genre], _PERCENTILES)]
        parts.append(_row(str(genre), spread, y=y))
    for place, end in ((_LEFT, low), (_WIDTH - _RIGHT, high)):
        anchor = "start" if place == _LEFT else "end"
        shown = three(10.0**end if logarithmic else end)
        parts.append(
            f'<text x="{place}" y="{bottom + 13}" text-anchor="{anchor}" '
            f'style="fill: var(--soft); font-size: 10px">{shown}</text>'
        )
    parts.append(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}" style="stroke: var(--line)"/>'
    )
    height = bottom + _BOTTOM
    return Drawing(
        title=f"{name} by genre",
        svg=f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(parts)}</svg>',
    )


def _row(genre: str, spread: list[float], *, y: float) -> str:
    least, low, median, high, most = spread
    return (
        f'<text x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end" style="fill: var(--soft); font-size: 10px">'
        f"{escape(short(genre, longest=_LONGEST))}</text>"
        f'<line x1="{least}" x2="{most}" y1="{y}" y2="{y}" style="stroke: var(--c6)"/>'
        f'<rect x="{low}" y="{y - 4}" width="{max(high - low, 0.5):.1f}" height="8" '
        f'style="fill: var(--c1); fill-opacity: 0.55"/>'
        f'<line x1="{median}" x2="{median}" y1="{y - 5}" y2="{y + 5}" '
        f'style="stroke: var(--ink); stroke-width: 1.6"/>'
    )
