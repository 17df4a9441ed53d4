"""Turns a `Document` into one page that needs nothing beside it: no script, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.report.document import Document
from training.report.spelling import count, shown

_TEMPLATE: Final = "page.html"


def render_page(document: Document) -> str:
    """Give the page's HTML. Names that come from the data are escaped; drawings stand as they are."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "shown": shown, "kind": lambda part: type(part).__name__}
    return environment.get_template(_TEMPLATE).render(document=document)
