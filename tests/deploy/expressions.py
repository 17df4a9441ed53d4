"""Turns rules into the expressions that Prometheus is asked, and expressions into the names in them."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from consumer.metrics import Metrics
from tests.deploy.prometheus_tools import PROMETHEUS


def _rules(file: str, key: str) -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / file).read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    found = {rule[key]: rule for rule in rules}
    assert len(found) == len(rules), "two rules of one name"
    return found


ALERTS: Final = _rules("alerts.yml", "alert")
RECORDINGS: Final = _rules("recordings.yml", "record")

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_COMPARISON: Final = re.compile(r"\s(?:==|!=|>=|<=|>|<)\s*-?[0-9.]+(?=\s|\)|$)")
_SET_OPERATION: Final = re.compile(r"\s(?:and|unless)\s+on\s*\([^)]*\)\s")


def shown_names(metrics: Metrics) -> set[str]:
    """Give the names that a worker's metrics may be asked by, and Prometheus's own of a target."""
    found = {"up"}
    for family in metrics.registry.collect():
        suffixes = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
            "info": ("_info",),
        }.get(family.type, ("",))
        found.update(family.name + suffix for suffix in suffixes)
    return found


def metric_names(expression: str) -> set[str]:
    """Give the metrics that an expression names."""
    bare = _GROUPING.sub(" ", re.sub(r"\{[^}]*\}", "{}", _STRING.sub('""', expression)))
    words = re.findall(r"(?<![\w:$])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:(])", re.sub(r"\[[^\]]*\]", "", bare))
    return set(words) - {"and", "or", "unless", "bool", "offset", "by", "on", "group_left", "inf", "Inf"}


def bare_sides(expression: str) -> list[str]:
    """Give what an alert compares: each side of `and` and `unless`, without the comparisons to numbers."""
    return [_COMPARISON.sub("", side).strip() for side in _SET_OPERATION.split(expression)]
