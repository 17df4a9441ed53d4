"""Names what a dashboard is described by: queries, panels, rows and pages, without a word of Grafana's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BY_GROUP: Final = 'job=~"$job", group=~"$group"'
"""Labels of what the rules record."""
BY_INSTANCE: Final = 'job=~"$job", instance=~"$instance"'
"""Labels of what a worker shows."""


def per_second(metric: str, *, by: str, where: str = "") -> str:
    """Write the rate of a counter, summed `by` labels; `where` are further matchers."""
    matchers = f"{where}, {BY_INSTANCE}" if where else BY_INSTANCE
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


class Unit(StrEnum):
    """Grafana's names of units."""

    COUNT = "short"
    A_SECOND = "cps"
    SECONDS = "s"
    RATIO = "percentunit"
    BYTES = "bytes"
    BYTES_A_SECOND = "Bps"
    INDEX = "none"


class Kind(StrEnum):
    """What a panel looks like."""

    NUMBER = "stat"
    LINES = "timeseries"
    STACK = "stack"
    HEAT = "heatmap"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus.

    Attributes
    ----------
    expression : str
        PromQL, with the variables of every page: `$job`, `$group`, `$instance`, `$__rate_interval`.
    legend : str
        Name of each series; `{{label}}` stands for a label's value.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """From `value` on, the colour means something: `red`, `orange`, `green`."""

    value: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """One panel.

    Attributes
    ----------
    description : str
        What it shows, and when to worry.
    bounds : tuple of Bound
        The goals; below the first one is `first_colour`.
    runbook : tuple of str
        Alerts' pages that say what to do, without `.md`.
    width : int
        Of 24 columns.
    most : float or None
        Upper end of the axis, where it is known.
    """

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    bounds: tuple[Bound, ...] = ()
    first_colour: str = "green"
    runbook: tuple[str, ...] = ()
    width: int = 8
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one title."""

    title: str
    panels: tuple[PanelSpec, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard; `uid` is its address and the name of its file."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[PanelSpec, ...]:
        """All panels, in their order."""
        return tuple(panel for row in self.rows for panel in row.panels)
