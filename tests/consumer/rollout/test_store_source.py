"""Models from an object store are whole, are copied once, and are there when the store is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from consumer.rollout.store_source import StoreSource
from modelzoo.errors import (
    ArtifactCorruptError,
    ModelNotFoundError,
    RegistryUnavailableError,
    VersionTakenError,
)
from modelzoo.registry import DEFAULT_MODEL
from tests.consumer.rollout.stores import DictFolder, source_of
from tests.modelzoo.artifacts import linear_model, write_model


@pytest.fixture
def store() -> DictFolder:
    return DictFolder()


@pytest.fixture
def source(store: DictFolder, tmp_path: Path) -> StoreSource:
    return source_of(store, tmp_path / "cache")


def push(source: StoreSource, tmp_path: Path, version: str) -> None:
    """Push a model of its own under a version."""
    seed = int(version.replace(".", ""))
    source.push(write_model(tmp_path / f"out-{version}", version=version, model=linear_model(seed=seed)))


def test_a_pushed_model_comes_back_whole_and_its_manifest_goes_last(
    source: StoreSource, store: DictFolder, tmp_path: Path
) -> None:
    push(source, tmp_path, "1.0.0")
    assert store.writes[-1] == "linear/1.0.0/manifest.json"
    artifact = source.load("linear")
    assert artifact.model == linear_model(seed=100)
    assert artifact.manifest.version == "1.0.0"


def test_a_later_version_does_not_speak_before_it_is_pointed_at(source: StoreSource, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        push(source, tmp_path, version)
    assert source.latest("linear") == "1.0.0"
    source.point("linear", version="1.1.0")
    assert source.load("linear").manifest.version == "1.1.0"
    source.point("linear", version="1.0.0")
    assert source.load("linear").manifest.version == "1.0.0"


def test_a_version_is_copied_once(source: StoreSource, store: DictFolder, tmp_path: Path) -> None:
    push(source, tmp_path, "1.0.0")
    source.load("linear", version="1.0.0")
    store.reads.clear()
    source.load("linear", version="1.0.0")
    assert store.reads == []


def test_with_the_store_away_the_last_known_latest_speaks(
    source: StoreSource, store: DictFolder, tmp_path: Path
) -> None:
    for version in ("1.0.0", "1.1.0"):
        push(source, tmp_path, version)
    source.load("linear")
    source.load("linear", version="1.1.0")  # copied, and not the latest
    store.away = True
    with pytest.raises(RegistryUnavailableError):
        source.latest("linear")
    restarted = source_of(store, tmp_path / "cache")
    assert restarted.load("linear").manifest.version == "1.0.0"
    with pytest.raises(RegistryUnavailableError):
        restarted.load("linear", version="1.2.0")
    with pytest.raises(RegistryUnavailableError):
        source_of(store, tmp_path / "empty").load("linear")


def test_a_damaged_copy_is_copied_anew(source: StoreSource, tmp_path: Path) -> None:
    push(source, tmp_path, "1.0.0")
    copy = source.load("linear").model_path
    copy.write_bytes(b"half of")
    assert source.load("linear").model == linear_model(seed=100)


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json"])
def test_what_is_damaged_in_the_store_is_neither_loaded_nor_kept(
    source: StoreSource, store: DictFolder, tmp_path: Path, file: str
) -> None:
    push(source, tmp_path, "1.0.0")
    whole = store.objects[f"linear/1.0.0/{file}"]
    store.objects[f"linear/1.0.0/{file}"] = whole[:-5]
    with pytest.raises(ArtifactCorruptError):
        source.load("linear")
    with pytest.raises(ArtifactCorruptError):
        source.point("linear", version="1.0.0")
    store.objects[f"linear/1.0.0/{file}"] = whole
    assert source.load("linear").manifest.version == "1.0.0"


def test_a_model_under_anothers_name_is_refused(
    source: StoreSource, store: DictFolder, tmp_path: Path
) -> None:
    push(source, tmp_path, "1.0.0")
    for file in ("model.onnx", "manifest.json"):
        store.objects[f"linear/9.0.0/{file}"] = store.objects[f"linear/1.0.0/{file}"]
    with pytest.raises(ArtifactCorruptError, match="another model"):
        source.load("linear", version="9.0.0")


def test_another_model_may_not_take_a_version(source: StoreSource, tmp_path: Path) -> None:
    push(source, tmp_path, "1.0.0")
    push(source, tmp_path / "again", "1.0.0")
    with pytest.raises(VersionTakenError):
        source.push(write_model(tmp_path / "other", version="1.0.0", model=linear_model(seed=1)))
    assert source.load("linear").model == linear_model(seed=100)


@pytest.mark.parametrize("pointer", [b"", b"../../etc", b"1.0", b"\xff\xfe"])
def test_a_pointer_to_nothing_is_corrupt(
    source: StoreSource, store: DictFolder, tmp_path: Path, pointer: bytes
) -> None:
    push(source, tmp_path, "1.0.0")
    store.objects["linear/latest"] = pointer
    with pytest.raises(ArtifactCorruptError, match="pointer"):
        source.latest("linear")


@pytest.mark.parametrize("name", ["../linear", "", "Linear", "a/b"])
def test_a_name_that_is_a_path_reaches_no_store(source: StoreSource, store: DictFolder, name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        source.load(name)
    with pytest.raises(ModelNotFoundError):
        source.load(name, version="1.0.0")
    assert store.reads == []


def test_a_version_that_is_not_there_cannot_be_pointed_at(source: StoreSource, tmp_path: Path) -> None:
    push(source, tmp_path, "1.0.0")
    with pytest.raises(ModelNotFoundError):
        source.point("linear", version="2.0.0")
    assert source.latest("linear") == "1.0.0"


def test_the_packaged_models_stand_behind_the_store(source: StoreSource, tmp_path: Path) -> None:
    push(source, tmp_path, "1.0.0")
    assert source.load(DEFAULT_MODEL).manifest.name == DEFAULT_MODEL
    listed = {(one.manifest.name, one.manifest.version): one.latest for one in source.models()}
    assert listed[DEFAULT_MODEL, source.latest(DEFAULT_MODEL)]
    assert listed["linear", "1.0.0"]


def test_many_workers_of_a_machine_may_copy_at_once(store: DictFolder, tmp_path: Path) -> None:
    push(source_of(store, tmp_path / "pushing"), tmp_path, "1.0.0")
    loaded: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: loaded.append(source_of(store, tmp_path / "cache").load("linear").model)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [linear_model(seed=100)] * 8
