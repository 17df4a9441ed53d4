"""Tests of the runbook: a page for each alert, and nothing named in it that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import typer.main
from pydantic import BaseModel

from consumer.cli.app import app
from consumer.config import Settings
from consumer.metrics import Metrics
from deploy.dashboards.pages import PAGES
from tests.deploy.expressions import ALERTS, shown_names
from tests.paths import REPOSITORY

FOLDER: Final = REPOSITORY / "deploy" / "runbook"
INDEX: Final = FOLDER / "README.md"
PATHS: Final = sorted(FOLDER.glob("*.md"))
TITLES: Final = tuple(panel.title for page in PAGES for panel in page.panels)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found = request.param
    assert isinstance(found, Path)
    return found


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_leads_to_its_page(name: str) -> None:
    page = REPOSITORY / ALERTS[name]["annotations"]["runbook_url"]
    lines = page.read_text().splitlines()
    severity = ALERTS[name]["labels"]["severity"]
    assert lines[0] == f"# {name}"
    assert lines[2].startswith(f"*{severity.capitalize()}.* ")
    assert [line for line in lines if line.startswith("## ")] == ["## How to see it", "## What to do"]
    assert f"| [{name}]({page.name}) | {severity} |" in INDEX.read_text()


def test_there_are_no_pages_of_alerts_that_are_gone() -> None:
    named = {Path(alert["annotations"]["runbook_url"]).name for alert in ALERTS.values()}
    assert {path.name for path in PATHS} == named | {INDEX.name}


def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve()
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def test_the_guide_to_running_it_leads_to_the_runbook() -> None:
    assert "(runbook/" in (REPOSITORY / "deploy" / "README.md").read_text()


def test_commands_that_are_named_exist(path: Path) -> None:
    for words in re.findall(r"`genrestream ([^`]+)`", path.read_text()):
        command = typer.main.get_command(app)
        for word in words.split(" "):
            below = getattr(command, "commands", None)
            if below is None:
                break
            assert word in below, f"genrestream {words}"
            command = below[word]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", words)) <= known, f"genrestream {words}"


def test_settings_that_are_named_exist(path: Path) -> None:
    sections = "|".join(Settings.model_fields)
    for section, name in re.findall(rf"`({sections})\.(\w+)", path.read_text()):
        kind = Settings.model_fields[section].annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        assert name in kind.model_fields, f"{section}.{name}"


def test_metrics_that_are_named_exist(path: Path) -> None:
    assert set(re.findall(r"\bgenrestream_\w+", path.read_text())) <= shown_names(Metrics())


def test_panels_that_are_named_exist(path: Path) -> None:
    for name in re.findall(r"(?<!\*)\*([A-Z][^*.]+)\*(?!\*)", path.read_text()):
        if path != INDEX and name != "Status, Targets":
            assert any(title.startswith(name) for title in TITLES), name
