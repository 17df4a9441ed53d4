"""Turns the rules of deploy/prometheus into a PrometheusRule of the Prometheus operator.

`python -m deploy.rules_manifest` writes it beside the other manifests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

_HERE: Final = Path(__file__).resolve().parent
PATH: Final = _HERE / "kubernetes" / "base" / "prometheus_rule.yaml"
_HEAD: Final = (
    "# Written by `python -m deploy.rules_manifest` from deploy/prometheus/rules: change them there.\n"
)


def render() -> str:
    """Give the manifest; recordings come first."""
    groups: list[dict[str, Any]] = []
    for name in ("recordings.yml", "alerts.yml"):
        rules = (_HERE / "prometheus" / "rules" / name).read_text()
        groups.extend(yaml.safe_load(rules)["groups"])
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "genrestream", "labels": {"app.kubernetes.io/name": "genrestream"}},
        "spec": {"groups": groups},
    }
    return _HEAD + yaml.safe_dump(manifest, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    PATH.write_text(render())
    print(PATH)
