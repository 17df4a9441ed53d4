"""A version is put into a registry whole, once, and only if it is a model of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelzoo.errors import ArtifactCorruptError, RegistryUnavailableError, VersionTakenError
from modelzoo.publish import copy_into
from modelzoo.registry import Registry
from tests.modelzoo.artifacts import linear_model, write_model


def test_a_model_is_copied_whole_from_any_folder(tmp_path: Path) -> None:
    source = write_model(tmp_path / "out", version="1.2.3")
    (source / "CARD.md").write_text("a card")
    moved = source.rename(tmp_path / "anywhere")
    copy_into(tmp_path / "registry", source=moved)
    artifact = Registry(tmp_path / "registry").load("linear", version="1.2.3")
    assert artifact.model == linear_model()
    assert (artifact.model_path.parent / "CARD.md").read_text() == "a card"
    assert [path.name for path in (tmp_path / "registry" / "linear").iterdir()] == ["1.2.3"]


def test_the_same_model_may_be_copied_again_and_another_may_not_take_its_version(tmp_path: Path) -> None:
    copy_into(tmp_path / "registry", source=write_model(tmp_path / "a"))
    copy_into(tmp_path / "registry", source=tmp_path / "a" / "linear" / "1.0.0")
    other = write_model(tmp_path / "b", model=linear_model(seed=8))
    with pytest.raises(VersionTakenError, match="new version"):
        copy_into(tmp_path / "registry", source=other)
    assert Registry(tmp_path / "registry").load("linear").model == linear_model()
    assert [path.name for path in (tmp_path / "registry" / "linear").iterdir()] == ["1.0.0"]


def test_what_is_damaged_does_not_come_in(tmp_path: Path) -> None:
    source = write_model(tmp_path / "a")
    (source / "model.onnx").write_bytes(b"half")
    with pytest.raises(ArtifactCorruptError):
        copy_into(tmp_path / "registry", source=source)
    assert not (tmp_path / "registry").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryUnavailableError, match="file"):
        copy_into(tmp_path / "file" / "registry", source=write_model(tmp_path / "a"))
