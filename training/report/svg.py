"""Turns a matplotlib figure into SVG within a page: in its colours and fonts, the same bytes again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

INK, SOFT, LINE, CARD = "#01f0f1", "#01f0f2", "#01f0f3", "#01f0f4"
SERIES: Final = ("#01f0a1", "#01f0a2", "#01f0a3", "#01f0a4", "#01f0a5", "#01f0a6")
"""Stand for the page's own colours, which differ between light and dark: no real drawing uses these."""

_LETTER: Final = 6.4
"""Mean width of a letter in user units, of the widest font that pages fall back on."""
_VARIABLES: Final = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    CARD: "var(--card)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(SERIES, start=1)},
}
_STYLE: Final[dict[RcKeyType, Any]] = {
    # Texts stay texts: they are read aloud, found and copied, and a page of outlines is ten times the size.
    "svg.fonttype": "none",
    "svg.hashsalt": "genrestream",
    # A genre called $x$ is no formula.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 11.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Room around the axes for what is written there, in user units."""

    left: float = 56.0
    right: float = 12.0
    top: float = 14.0
    bottom: float = 46.0

    @classmethod
    def beside(cls, labels: Iterable[str], *, top: float = 14.0) -> Margins:
        """Leave room for the longest of some labels left of the axes."""
        return cls(left=14.0 + _LETTER * max((len(label) for label in labels), default=0), top=top)


def draw(
    paint: Callable[[Figure], None],
    *,
    name: str,
    width: float,
    height: float,
    margins: Margins = Margins(),
) -> str:
    """Draw one picture.

    Parameters
    ----------
    paint : callable
        Draws on an empty figure.
    name : str
        Letters and dashes; no two pictures of a page have the same.
    width, height : float
        User units, which are CSS pixels where the picture has its natural size.
    margins : Margins, optional
        Room around the axes.

    Returns
    -------
    str
        An `<svg>` element without outside references, dates or random names.
    """
    with rc_context(_STYLE):
        # SVG's backend has 72 units to the inch.
        figure = Figure(figsize=(width / 72.0, height / 72.0))
        # Margins are counted, not measured: to measure its texts takes matplotlib as long as to draw them.
        figure.subplots_adjust(
            left=margins.left / width,
            right=1.0 - margins.right / width,
            top=1.0 - margins.top / height,
            bottom=margins.bottom / height,
        )
        paint(figure)
        text = io.StringIO()
        figure.savefig(
            text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return _within_a_page(text.getvalue(), name=name)


def _within_a_page(text: str, *, name: str) -> str:
    start = text.index("<svg")
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[start:], flags=re.DOTALL)
    text = re.sub(r'\s+xmlns(?::\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    # Names are unique within a page only if each picture has its own.
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = text.replace("xlink:href=", "href=").replace('href="#', f'href="#{name}-')
    text = text.replace("url(#", f"url(#{name}-")
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text
