"""Writes the dashboards: `python -m deploy.dashboards [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from deploy.dashboards.pages import PAGES
from deploy.dashboards.writing import render

FOLDER: Final = Path(__file__).resolve().parent.parent / "grafana" / "dashboards"


def main() -> None:
    """Write one file for each page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        path = folder / f"{page.uid}.json"
        path.write_text(render(page))
        print(path)


if __name__ == "__main__":
    main()
