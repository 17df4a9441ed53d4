"""The registry setting opens a folder or a store, and a folder's models change as its owner says."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.config import load_settings
from consumer.errors import SettingsError
from consumer.model_settings import Reference, parse_reference
from consumer.rollout.sources import FolderSource, load_model, open_source
from consumer.rollout.store_source import StoreSource
from modelzoo.errors import ArtifactCorruptError, ModelNotFoundError
from modelzoo.registry import DEFAULT_MODEL
from tests.modelzoo.artifacts import linear_model, write_model


def test_a_folder_a_prefix_and_nothing_are_told_apart(tmp_path: Path) -> None:
    def opened(registry: str | None) -> object:
        return open_source(load_settings(overrides={"model": {"registry": registry, "cache": str(tmp_path)}}))

    assert isinstance(opened(None), FolderSource)
    assert isinstance(opened(str(tmp_path)), FolderSource)
    assert isinstance(opened("s3://bucket/models"), StoreSource)


@pytest.mark.parametrize(
    "model",
    [
        {"registry": "http://host/models"},
        {"registry": "s3://"},
        {"shadow": "linear@"},
        {"canary": "linear@1"},
        {"canary": "../linear"},
        {"canary_share": 1.1},
        {"reload_seconds": -1},
        {"drift_tracks": 100},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(model: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(model))):
        load_settings(overrides={"model": model})


def test_a_model_is_named_with_or_without_its_version() -> None:
    assert parse_reference("linear") == Reference("linear", "latest")
    assert parse_reference("linear@1.2.3") == Reference("linear", "1.2.3")


def test_the_settings_model_is_loaded_from_the_settings_registry(tmp_path: Path) -> None:
    write_model(tmp_path, version="1.2.3")
    settings = load_settings(overrides={"model": {"registry": str(tmp_path), "name": "linear"}})
    assert load_model(settings).manifest.version == "1.2.3"


def test_a_later_version_does_not_speak_before_it_is_pointed_at(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "registry")
    for version in ("1.0.0", "1.1.0"):
        source.push(write_model(tmp_path / version, version=version, model=linear_model()))
    assert source.latest("linear") == "1.0.0"
    source.point("linear", version="1.1.0")
    assert source.latest("linear") == "1.1.0"
    assert [
        (one.manifest.version, one.latest) for one in source.models() if one.manifest.name == "linear"
    ] == [
        ("1.0.0", False),
        ("1.1.0", True),
    ]


def test_what_is_damaged_or_not_ours_cannot_be_pointed_at(tmp_path: Path) -> None:
    source = FolderSource(tmp_path)
    source.push(write_model(tmp_path / "out"))
    source.point("linear", version="1.0.0")
    damaged = write_model(tmp_path, version="2.0.0") / "model.onnx"
    damaged.write_bytes(b"half")
    with pytest.raises(ArtifactCorruptError):
        source.point("linear", version="2.0.0")
    with pytest.raises(ModelNotFoundError):
        source.point(DEFAULT_MODEL, version="1.0.0")  # it is the package's
    with pytest.raises(ModelNotFoundError):
        FolderSource(None).push(tmp_path / "out")
    assert source.latest("linear") == "1.0.0"
