"""The exported graph computes what the network computes, and its folder appears whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from featurizer.spec import GTZAN57
from modelzoo.registry import Artifact, Registry
from modelzoo.scorer import OnnxScorer
from tests.modelzoo.artifacts import GENRES, make_manifest
from training.errors import OutputError
from training.export import check_vacant, onnx_bytes, write_artifact
from training.network import FittedMlp, GenreMlp
from training.standardise import Standardiser


@pytest.fixture(scope="module")
def model() -> FittedMlp:
    rng = np.random.default_rng(0)
    features = rng.lognormal(mean=2.0, sigma=2.0, size=(200, GTZAN57.width)).astype(np.float32)
    torch.manual_seed(0)
    network = GenreMlp(width=GTZAN57.width, n_genres=len(GENRES)).eval()
    return FittedMlp(Standardiser.fit(features, spec=GTZAN57, limit=5.0), network, GENRES)


def test_onnx_and_torch_agree_within_1e_5(model: FittedMlp) -> None:
    graph = onnx_bytes(model)
    scorer = OnnxScorer(Artifact(make_manifest(model=graph), Path("model.onnx"), graph), device="cpu")
    rng = np.random.default_rng(1)
    features = rng.lognormal(mean=2.0, sigma=2.0, size=(1_000, GTZAN57.width)).astype(np.float32)
    features *= rng.choice([-1.0, 0.0, 1.0, 1e6], size=features.shape).astype(np.float32)
    np.testing.assert_allclose(scorer(features), model(features), atol=1e-5)


def test_the_same_weights_give_the_same_bytes(model: FittedMlp) -> None:
    assert onnx_bytes(model) == onnx_bytes(model)


def test_a_written_artifact_is_loaded_as_the_latest(tmp_path: Path, model: FittedMlp) -> None:
    graph = onnx_bytes(model)
    for version in ("1.0.0", "1.1.0"):
        check_vacant(tmp_path, name="linear", version=version, replace=False)
        write_artifact(
            tmp_path, manifest=make_manifest(version=version, model=graph), model=graph, card="# card"
        )
    artifact = Registry(tmp_path).load("linear")
    assert artifact.manifest.version == "1.1.0"
    assert hashlib.sha256(artifact.model).hexdigest() == artifact.manifest.sha256
    assert (artifact.model_path.parent / "CARD.md").read_text() == "# card"
    assert sorted(path.name for path in (tmp_path / "linear").iterdir()) == ["1.0.0", "1.1.0", "latest"]


def test_a_version_that_is_there_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    for card in ("old", "new"):
        folder = write_artifact(tmp_path, manifest=make_manifest(model=b"m"), model=b"m", card=card)
    assert (folder / "CARD.md").read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "linear").iterdir()) == ["1.0.0", "latest"]
    with pytest.raises(OutputError, match="--replace"):
        check_vacant(tmp_path, name="linear", version="1.0.0", replace=False)
    check_vacant(tmp_path, name="linear", version="1.0.0", replace=True)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_artifact(tmp_path, manifest=make_manifest(model=b"m"), model=b"m", card="old")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left"):
        write_artifact(tmp_path, manifest=make_manifest(model=b"m"), model=b"m", card="new")
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / "linear").iterdir()) == ["1.0.0", "latest"]
    assert (tmp_path / "linear/1.0.0/CARD.md").read_text() == "old"


@pytest.mark.parametrize("version", ["1.0", "latest", "../1.0.0", ""])
def test_what_is_no_version_is_refused_at_once(tmp_path: Path, version: str) -> None:
    with pytest.raises(OutputError, match=r"MAJOR\.MINOR\.PATCH"):
        check_vacant(tmp_path, name="linear", version=version, replace=True)


def test_a_file_in_the_place_of_the_output_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        check_vacant(tmp_path / "file", name="linear", version="1.0.0", replace=False)
