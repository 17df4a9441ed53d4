"""Writes the dashboards: `python -m deploy.dashboards [FOLDER] [--runbook URL]`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from deploy.dashboards.pages import PAGES
from deploy.dashboards.writing import RUNBOOK, render

FOLDER: Final = Path(__file__).resolve().parent.parent / "grafana" / "dashboards"


def main() -> None:
    """Write one file for each page."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dashboards", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="default: %(default)s")
    parser.add_argument("--runbook", default=RUNBOOK, help="URL of deploy/runbook; default: %(default)s")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        path = chosen.folder / f"{page.uid}.json"
        path.write_text(render(page, runbook=chosen.runbook))
        print(path)


if __name__ == "__main__":
    main()
