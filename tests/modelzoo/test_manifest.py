"""A manifest describes a model completely or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelzoo.manifest import Manifest
from tests.modelzoo.artifacts import GENRES, make_manifest


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
        {"drift_shares": {"tempo": [0.1] * 11}},
        {"label_reference": {"shares": {"blues": 1.0}, "abstained": 0.0, "n_tracks": 5}},
        {"label_reference": {"shares": dict.fromkeys(GENRES, 0.2), "abstained": 0.1, "n_tracks": 5}},
        {"confidence_reference": {"edges": [0.5], "shares": [1.0], "n_tracks": 5}},
        {"confidence_reference": {"edges": [0.5, 0.4], "shares": [0.5, 0.3, 0.2], "n_tracks": 5}},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(changed(**change))


def test_references_of_drift_may_be_absent_and_must_be_whole() -> None:
    assert make_manifest().label_reference is None
    names = make_manifest().feature_names
    with pytest.raises(ValidationError, match="sum to 1"):
        Manifest.model_validate(changed(drift_shares=dict.fromkeys(names, [0.05] * 11)))
    with pytest.raises(ValidationError, match="eleven"):
        Manifest.model_validate(changed(drift_shares=dict.fromkeys(names, [0.1] * 10)))
    whole = {"shares": dict.fromkeys(GENRES, 0.3), "abstained": 0.1, "n_tracks": 5}
    assert Manifest.model_validate(changed(label_reference=whole)).label_reference is not None


def test_drift_edges_that_fall_are_refused() -> None:
    reference = make_manifest().model_dump(mode="json")["drift_reference"]
    reference["tempo"] = list(range(10, 0, -1))
    with pytest.raises(ValidationError, match="rising"):
        Manifest.model_validate(changed(drift_reference=reference))


@pytest.mark.parametrize(("n_windows", "temperature"), [(1, 1.0), (2, 2.0), (3, 2.0), (4, 4.0), (400, 4.0)])
def test_the_bucket_of_a_track_is_the_last_that_it_reaches(n_windows: int, temperature: float) -> None:
    manifest = make_manifest(temperatures=((1, 1.0), (2, 2.0), (4, 4.0)))
    assert manifest.bucket_for(n_windows).temperature == temperature
