"""Turns a page into Grafana's JSON, sorted and laid out the same way each time."""

from __future__ import annotations

import json
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as shapes
from grafana_foundation_sdk.models import heatmap as heat_shapes
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.dashboards.panel import Bound, Kind, Page, PanelSpec, Query

RUNBOOK: Final = "https://github.com/YOU/genrestream/blob/main/deploy/runbook"
"""Where the pages of deploy/runbook are read, unless something else is said: a variable of each dashboard."""

_SOURCE: Final = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHTS: Final = {Kind.NUMBER: 4, Kind.TABLE: 7}
_LINES_HEIGHT: Final = 8

Builder = timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel


def render(page: Page, *, runbook: str = RUNBOOK) -> str:
    """Give a dashboard's JSON; the same page gives the same bytes.

    Parameters
    ----------
    page : Page
        What it shows.
    runbook : str
        URL under which the pages of deploy/runbook are read.
    """
    made = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags(["genrestream"])
        .time("now-3h", "now")
        .timezone("browser")
        .refresh("30s")
        .readonly()
        .tooltip(shapes.DashboardCursorSync.CROSSHAIR)
        .link(_to_the_others())
    )
    for variable in _variables(runbook):
        made = made.with_variable(variable)
    number = 0
    for row in page.rows:
        made = made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            number += 1
            made = made.with_panel(_panel(panel, number=number))
    tree = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    _number_rows(tree["panels"], after=number)
    return json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _number_rows(panels: list[dict[str, object]], *, after: int) -> None:
    rows = (panel for panel in panels if panel["type"] == "row")
    for number, row in enumerate(rows, start=after + 1):
        row["id"] = number


def _to_the_others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("genrestream")
        .type(shapes.DashboardLinkType.DASHBOARDS)
        .tags(["genrestream"])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _variables(
    runbook: str,
) -> tuple[dashboard.DatasourceVariable | dashboard.QueryVariable | dashboard.TextBoxVariable, ...]:
    return (
        dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        _labels_of("job", "label_values(genrestream_worker_info, job)"),
        _labels_of("group", 'label_values(genrestream_worker_info{job=~"$job"}, group)'),
        _labels_of(
            "instance", 'label_values(genrestream_worker_info{job=~"$job", group=~"$group"}, instance)'
        ),
        dashboard.TextBoxVariable("runbook")
        .label("Runbook")
        .description("Where deploy/runbook is read.")
        .hide(shapes.VariableHide.HIDE_VARIABLE)
        .default_value(runbook),
    )


def _labels_of(name: str, query: str) -> dashboard.QueryVariable:
    everything = shapes.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_SOURCE)
        .query(query)
        .refresh(shapes.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(shapes.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def _panel(spec: PanelSpec, *, number: int) -> Builder:
    made: Builder
    match spec.kind:
        case Kind.NUMBER:
            latest = common.ReduceDataOptions().calcs(["lastNotNull"])
            made = stat.Panel().color_mode(words.BigValueColorMode.VALUE).reduce_options(latest)
        case Kind.TABLE:
            made = table.Panel()
        case Kind.HEAT:
            made = heatmap.Panel().rows_frame(
                heatmap.RowsHeatmapOptions().layout(words.HeatmapCellLayout.AUTO)
            )
            colours = (
                heatmap.HeatmapColorOptions().scheme("Oranges").mode(heat_shapes.HeatmapColorMode.SCHEME)
            )
            made = made.color(colours.steps(32).exponent(0.5).fill("dark-orange"))
        case Kind.LINES | Kind.STACK:
            made = _lines(spec)
    made = (
        made.id(number)
        .title(spec.title)
        .description(spec.description)
        .datasource(_SOURCE)
        .unit(spec.unit)
        .span(spec.width)
        .height(_HEIGHTS.get(spec.kind, _LINES_HEIGHT))
        .thresholds(_thresholds(spec))
        .links([_page_of(name) for name in spec.runbook])
        .targets([_target(query, kind=spec.kind, place=place) for place, query in enumerate(spec.queries)])
    )
    return made if spec.most is None else made.max(spec.most)


def _lines(spec: PanelSpec) -> timeseries.Panel:
    stacked = spec.kind is Kind.STACK
    stacking = words.StackingMode.NORMAL if stacked else words.StackingMode.NONE
    made = (
        timeseries.Panel()
        .fill_opacity(30 if stacked else 8)
        .line_width(1)
        .show_points(words.VisibilityMode.AUTO)
        .stacking(common.StackingConfig().mode(stacking))
        .tooltip(
            common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(words.LegendDisplayMode.LIST)
            .placement(words.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    # Stacked series have no common bound: the line would lie at a sum.
    if spec.bounds and not stacked:
        style = common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds_style(style)
    return made


def _thresholds(spec: PanelSpec) -> dashboard.ThresholdsConfig:
    first = [shapes.Threshold(value=None, color=spec.first_colour)]
    return (
        dashboard.ThresholdsConfig()
        .mode(shapes.ThresholdsMode.ABSOLUTE)
        .steps(first + [_step(bound) for bound in spec.bounds])
    )


def _step(bound: Bound) -> shapes.Threshold:
    return shapes.Threshold(value=bound.value, color=bound.colour)


def _page_of(name: str) -> dashboard.DashboardLink:
    title = "Runbook" if name == "README" else f"What to do: {name.replace('_', ' ')}"
    return (
        dashboard.DashboardLink(title)
        .type(shapes.DashboardLinkType.LINK)
        .url(f"${{runbook}}/{name}.md")
        .target_blank(True)
    )


def _target(query: Query, *, kind: Kind, place: int) -> prometheus.Dataquery:
    made = (
        prometheus.Dataquery()
        .ref_id(chr(ord("A") + place))
        .expr(query.expression)
        .legend_format(query.legend)
        .datasource(_SOURCE)
    )
    match kind:
        case Kind.TABLE:
            return made.format(PromQueryFormat.TABLE).instant()
        case Kind.HEAT:
            return made.format(PromQueryFormat.HEATMAP).range()
        case Kind.NUMBER | Kind.LINES | Kind.STACK:
            return made.format(PromQueryFormat.TIME_SERIES).range()
