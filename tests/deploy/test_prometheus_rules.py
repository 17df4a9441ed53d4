"""Tests of the rules: valid, each alert fires and stays quiet where it should, and names only what exists."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from consumer.metrics import Metrics
from deploy import rules_manifest
from deploy.dashboards.pages import queries
from tests.deploy.expressions import ALERTS, RECORDINGS, metric_names, shown_names
from tests.deploy.prometheus_tools import PROMETHEUS, promtool

CASES: Final[list[dict[str, Any]]] = yaml.safe_load((PROMETHEUS / "tests" / "alerts.yml").read_text())[
    "tests"
]


def _verdicts(name: str) -> Iterator[bool]:
    for case in CASES:
        for check in case["alert_rule_test"]:
            if check["alertname"] == name:
                yield bool(check["exp_alerts"])


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_has_a_case_that_fires_and_one_that_does_not(name: str) -> None:
    assert set(_verdicts(name)) == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    annotations = alert["annotations"]
    assert annotations["summary"]
    if name != "GenrestreamAbsent":  # what is not there has no value
        assert "$value" in annotations["description"]


def test_rules_ask_for_metrics_that_workers_show_or_rules_record() -> None:
    known = shown_names(Metrics()) | set(RECORDINGS)
    for rule in (*ALERTS.values(), *RECORDINGS.values()):
        assert metric_names(rule["expr"]) <= known, rule
    assert "genrestream_misspelt" in metric_names('sum by (job) (rate(genrestream_misspelt{stage="x"}[5m]))')


def test_no_recording_is_made_in_vain() -> None:
    asked = [rule["expr"] for rule in (*ALERTS.values(), *RECORDINGS.values())] + queries()
    used = set().union(*map(metric_names, asked))
    assert set(RECORDINGS) - used == set()


def test_clusters_get_the_same_rules() -> None:
    assert rules_manifest.PATH.read_text() == rules_manifest.render(), "run `python -m deploy.rules_manifest`"
    groups = yaml.safe_load(rules_manifest.render())["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules == [*RECORDINGS.values(), *ALERTS.values()]


@pytest.mark.slow
def test_promtool_takes_rules_and_configuration() -> None:
    checked = promtool("check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stderr.decode()
    for path in ("rules/alerts.yml", "rules/recordings.yml"):
        assert path in checked.stdout.decode()


@pytest.mark.slow
def test_each_alert_fires_and_stays_quiet_as_its_cases_say() -> None:
    tested = promtool("test", "rules", "tests/alerts.yml")
    assert tested.returncode == 0, (tested.stdout + tested.stderr).decode()


@pytest.mark.slow
def test_a_threshold_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    for folder in ("rules", "tests"):
        shutil.copytree(PROMETHEUS / folder, tmp_path / folder)
    alerts = tmp_path / "rules" / "alerts.yml"
    alerts.write_text(re.sub(r"ratio15m > 0.05", "ratio15m > 0.5", alerts.read_text()))
    one = [case for case in CASES if case["name"].startswith("GenrestreamDeadLetters fires")]
    cases = tmp_path / "tests" / "alerts.yml"
    cases.write_text(yaml.safe_dump({**yaml.safe_load(cases.read_text()), "tests": one}))
    tested = promtool("test", "rules", str(cases))
    assert tested.returncode != 0
    assert "GenrestreamDeadLetters" in (tested.stdout + tested.stderr).decode()


@pytest.mark.slow
def test_promtool_finds_nothing_to_mend_in_the_metrics() -> None:
    checked = promtool("check", "metrics", stdin=Metrics().expose()[1])
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
