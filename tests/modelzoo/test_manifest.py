"""A manifest describes a model completely or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelzoo.manifest import Manifest
from tests.modelzoo.artifacts import make_manifest


def changed(**changes: Any) -> dict[str, Any]:
    return {**make_manifest().model_dump(mode="json"), **changes}


def test_a_manifest_survives_json() -> None:
    manifest = make_manifest(temperatures=((1, 1.5), (4, 0.9)), threshold=0.25)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_what_a_newer_version_adds_is_tolerated() -> None:
    assert Manifest.model_validate(changed(colour="blue")) == make_manifest()


@pytest.mark.parametrize(
    "change",
    [
        {"genres": ["rock", "rock"]},
        {"genres": ["rock"]},
        {"version": "1.0"},
        {"version": "../1.0.0"},
        {"name": "../linear"},
        {"sha256": "abc"},
        {"calibration": []},
        {"calibration": [{"min_windows": 2, "temperature": 1.0}]},
        {"calibration": [{"min_windows": 1, "temperature": 0.0}]},
        {"calibration": [{"min_windows": 1, "temperature": 1.0}, {"min_windows": 1, "temperature": 2.0}]},
        {"drift_reference": {}},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(changed(**change))


def test_drift_edges_that_fall_are_refused() -> None:
    reference = make_manifest().model_dump(mode="json")["drift_reference"]
    reference["tempo"] = list(range(10, 0, -1))
    with pytest.raises(ValidationError, match="rising"):
        Manifest.model_validate(changed(drift_reference=reference))


@pytest.mark.parametrize(("n_windows", "temperature"), [(1, 1.0), (2, 2.0), (3, 2.0), (4, 4.0), (400, 4.0)])
def test_the_bucket_of_a_track_is_the_last_that_it_reaches(n_windows: int, temperature: float) -> None:
    manifest = make_manifest(temperatures=((1, 1.0), (2, 2.0), (4, 4.0)))
    assert manifest.bucket_for(n_windows).temperature == temperature
