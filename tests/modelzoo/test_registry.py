"""A registry hands out models whose files are whole and whose features are ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from featurizer.spec import GTZAN57
from modelzoo.errors import ArtifactCorruptError, FingerprintMismatchError, ModelNotFoundError
from modelzoo.registry import DEFAULT_MODEL, Registry, latest_version, point_latest
from tests.modelzoo.artifacts import write_model


def test_a_model_is_loaded_by_name_and_version(tmp_path: Path) -> None:
    folder = write_model(tmp_path, version="1.2.3")
    artifact = Registry(tmp_path).load("linear", version="1.2.3")
    assert (artifact.manifest.name, artifact.manifest.version) == ("linear", "1.2.3")
    assert artifact.model == (folder / "model.onnx").read_bytes()
    assert artifact.model_path == folder / "model.onnx"


def test_latest_without_a_pointer_is_the_greatest_number(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        write_model(tmp_path, version=version)
    assert Registry(tmp_path).load("linear").manifest.version == "1.10.0"


def test_latest_is_what_the_pointer_says_and_can_be_moved_back(tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        write_model(tmp_path, version=version)
    point_latest(tmp_path / "linear", "2.0.0")
    assert Registry(tmp_path).load("linear").manifest.version == "2.0.0"
    point_latest(tmp_path / "linear", "1.0.0")
    assert Registry(tmp_path).load("linear").manifest.version == "1.0.0"
    assert sorted(path.name for path in (tmp_path / "linear").iterdir()) == ["1.0.0", "2.0.0", "latest"]


def test_the_pointer_cannot_be_set_to_a_version_that_is_not_there(tmp_path: Path) -> None:
    write_model(tmp_path)
    with pytest.raises(ModelNotFoundError):
        point_latest(tmp_path / "linear", "9.9.9")


@pytest.mark.parametrize("text", ["", "9.9.9", "../../../etc", "1.0.0\n2.0.0"])
def test_a_pointer_to_nothing_is_corrupt(tmp_path: Path, text: str) -> None:
    write_model(tmp_path)
    (tmp_path / "linear" / "latest").write_text(text)
    with pytest.raises(ArtifactCorruptError, match="pointer"):
        Registry(tmp_path).load("linear")


def test_one_changed_byte_of_the_model_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ArtifactCorruptError, match="sha256="):
        Registry(tmp_path).load("linear")


def test_a_truncated_manifest_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "manifest.json"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArtifactCorruptError, match=r"manifest\.json"):
        Registry(tmp_path).load("linear")
    with pytest.raises(ArtifactCorruptError):
        Registry(tmp_path).list()


@pytest.mark.parametrize("missing", ["model.onnx", "manifest.json"])
def test_a_missing_file_is_refused(tmp_path: Path, missing: str) -> None:
    (write_model(tmp_path) / missing).unlink()
    with pytest.raises(ArtifactCorruptError, match=missing):
        Registry(tmp_path).load("linear")


def test_a_manifest_in_another_models_folder_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path).rename(tmp_path / "linear" / "1.0.1")
    with pytest.raises(ArtifactCorruptError, match="another model"):
        Registry(tmp_path).load("linear")


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path)
    shorter = replace(GTZAN57, window_samples=22_050)
    with pytest.raises(FingerprintMismatchError, match="trained with"):
        Registry(tmp_path).load("linear", spec=shorter)


@pytest.mark.parametrize(
    "name", ["../linear", "/etc", "linear/1.0.0", "..", "", "Linear", "a" * 80, "linear\n"]
)
def test_a_name_that_is_a_path_is_no_model(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "root")
    write_model(tmp_path)
    with pytest.raises(ModelNotFoundError):
        Registry(tmp_path / "root").load(name, version="1.0.0")


@pytest.mark.parametrize("version", ["../1.0.0", "1.0", "01.0.0", "", "1.0.0/", "LATEST"])
def test_a_version_that_is_a_path_is_no_version(tmp_path: Path, version: str) -> None:
    write_model(tmp_path)
    with pytest.raises(ModelNotFoundError):
        Registry(tmp_path).load("linear", version=version)


def test_an_unknown_model_names_those_that_are_there(tmp_path: Path) -> None:
    write_model(tmp_path)
    with pytest.raises(ModelNotFoundError, match="linear"):
        Registry(tmp_path).load("cubic")


def test_the_packaged_models_stand_behind_a_folder(tmp_path: Path) -> None:
    write_model(tmp_path)
    registry = Registry(tmp_path)
    assert registry.load(DEFAULT_MODEL).manifest.name == DEFAULT_MODEL
    assert {manifest.name for manifest in registry.list()} == {"linear", DEFAULT_MODEL}


def test_a_folders_model_comes_before_a_packaged_one_of_that_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path, name=DEFAULT_MODEL, version="0.0.1")
    assert Registry(tmp_path).load(DEFAULT_MODEL).model_path.parent == folder


def test_a_folder_that_is_not_there_leaves_the_packaged_models(tmp_path: Path) -> None:
    assert Registry(tmp_path / "nowhere").load(DEFAULT_MODEL).manifest.name == DEFAULT_MODEL


def test_a_model_without_versions_has_no_latest(tmp_path: Path) -> None:
    (tmp_path / "linear").mkdir()
    assert latest_version(tmp_path / "linear") is None


def test_a_half_written_version_is_not_seen(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "linear" / ".2.0.0-scratch").mkdir()
    registry = Registry(tmp_path)
    assert registry.load("linear").manifest.version == "1.0.0"
    assert [manifest.version for manifest in registry.list() if manifest.name == "linear"] == ["1.0.0"]
