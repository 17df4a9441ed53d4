"""Tests of the dashboards: current, whole, and linked to pages of the runbook that exist."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import pytest

from consumer.metrics import Metrics
from deploy.dashboards.__main__ import FOLDER
from deploy.dashboards.pages import PAGES, queries
from deploy.dashboards.panel import Page
from deploy.dashboards.writing import render
from tests.deploy.expressions import RECORDINGS, metric_names, shown_names
from tests.paths import REPOSITORY

RUNBOOK: Final = REPOSITORY / "deploy" / "runbook"


@pytest.fixture(params=PAGES, ids=lambda page: page.uid)
def page(request: pytest.FixtureRequest) -> Page:
    found = request.param
    assert isinstance(found, Page)
    return found


@pytest.fixture
def tree(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(page))
    return found


def test_the_files_are_what_the_code_writes(page: Page) -> None:
    written = (FOLDER / f"{page.uid}.json").read_text()
    assert written == render(page), "run `python -m deploy.dashboards`"
    assert written == json.dumps(json.loads(written), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_there_are_no_files_of_pages_that_are_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {page.uid for page in PAGES}


def test_every_panel_has_an_id_of_its_own_a_description_a_query_and_a_unit(tree: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in tree["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in tree["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        targets = panel["targets"]
        assert targets, panel["title"]
        assert all(target["expr"] for target in targets)
        assert len({target["refId"] for target in targets}) == len(targets)


def test_panels_lie_side_by_side_and_none_upon_another(tree: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in tree["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_bounds_rise(page: Page) -> None:
    for panel in page.panels:
        assert all(low.value < high.value for low, high in pairwise(panel.bounds)), panel.title


def test_pages_ask_for_what_workers_show_or_rules_record() -> None:
    known = shown_names(Metrics()) | set(RECORDINGS) | {"ALERTS"}
    for expression in queries():
        assert metric_names(expression) <= known, expression


def test_every_metric_of_a_worker_is_on_a_page() -> None:
    asked = queries() + [rule["expr"] for rule in RECORDINGS.values()]
    used = set().union(*map(metric_names, asked))
    lacking = [
        family.name
        for family in Metrics().registry.collect()
        if family.name.startswith("genrestream_") and not any(name.startswith(family.name) for name in used)
    ]
    assert not lacking


def test_variables_choose_source_job_group_and_instance(tree: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in tree["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "group", "instance", "runbook"]
    assert variables["datasource"]["query"] == "prometheus"
    for panel in tree["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_runbook_is_where_the_reader_says(page: Page) -> None:
    variables = json.loads(render(page, runbook="https://wiki.example.com/runbook"))["templating"]["list"]
    assert variables[-1]["query"] == "https://wiki.example.com/runbook"


def test_links_to_the_runbook_lead_to_its_pages(page: Page) -> None:
    for panel in page.panels:
        for name in panel.runbook:
            assert (RUNBOOK / f"{name}.md").is_file(), (panel.title, name)
