"""Lists the pages, and what they ask of Prometheus."""

from __future__ import annotations

from typing import Final

from deploy.dashboards import kafka, models, overview, stages

PAGES: Final = (overview.PAGE, stages.PAGE, kafka.PAGE, models.PAGE)


def queries() -> list[str]:
    """Give every expression of every panel."""
    return [query.expression for page in PAGES for panel in page.panels for query in panel.queries]
