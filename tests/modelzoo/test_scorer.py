"""The scorer gives every window its own probabilities, on a device that is really there."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import modelzoo.scorer
from featurizer.spec import GTZAN57
from modelzoo.errors import ArtifactCorruptError, ProviderUnavailableError
from modelzoo.registry import DEFAULT_MODEL, Artifact, Registry
from modelzoo.scorer import OnnxScorer
from tests.modelzoo.artifacts import linear_model, make_manifest


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer(Registry().load(DEFAULT_MODEL), device="cpu")


def some_windows(n: int) -> NDArray[np.float32]:
    edges = np.array(
        [Registry().load(DEFAULT_MODEL).manifest.drift_reference[f] for f in GTZAN57.feature_names]
    )
    rng = np.random.default_rng(n)
    picked = np.take_along_axis(edges.T, rng.integers(0, 10, (n, GTZAN57.width)), axis=0)
    return np.asarray(picked * rng.uniform(0.9, 1.1, picked.shape), dtype=np.float32)


@pytest.mark.parametrize("n_windows", [0, 1, 2, 1_000])
def test_a_batch_of_any_size_gives_one_row_a_window(scorer: OnnxScorer, n_windows: int) -> None:
    probabilities = scorer(some_windows(n_windows))
    assert probabilities.shape == (n_windows, len(scorer.manifest.genres))
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_a_window_does_not_depend_on_its_neighbours(scorer: OnnxScorer) -> None:
    features = some_windows(64)
    together = scorer(features)
    alone = np.concatenate([scorer(features[index : index + 1]) for index in range(64)])
    reversed_ = scorer(features[::-1])[::-1]
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(reversed_, together, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1e30, -1e30])
def test_absurd_features_still_give_probabilities(scorer: OnnxScorer, value: float) -> None:
    probabilities = scorer(np.full((1, GTZAN57.width), value, dtype=np.float32))
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_float64_and_views_are_scored_like_float32(scorer: OnnxScorer) -> None:
    features = some_windows(8)
    np.testing.assert_array_equal(scorer(features[::2]), scorer(features[::2].copy()))


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((2, 56), dtype=np.float32),
        np.zeros(57, dtype=np.float32),
        np.full((1, 57), np.nan, dtype=np.float32),
        np.full((1, 57), np.inf, dtype=np.float32),
    ],
)
def test_what_are_no_features_is_refused(scorer: OnnxScorer, features: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="expected"):
        scorer(features)


def test_the_chosen_providers_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="modelzoo.scorer"):
        scorer = OnnxScorer(Registry().load(DEFAULT_MODEL), device="cpu")
        scorer.warm_up()
        scorer(some_windows(3))
    assert len(caplog.records) == 1
    assert "CPUExecutionProvider" in caplog.text
    assert scorer.providers == ("CPUExecutionProvider",)


@pytest.mark.parametrize("missing", ["driver", "provider"])
def test_without_cuda_auto_takes_the_cpu_and_cuda_is_refused(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "driver":
        monkeypatch.setattr(modelzoo.scorer, "CUDA_DRIVER", "libno-such-driver.so.1")
    else:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    artifact = Registry().load(DEFAULT_MODEL)
    assert OnnxScorer(artifact, device="auto").providers == ("CPUExecutionProvider",)
    with pytest.raises(ProviderUnavailableError, match="device=cuda"):
        OnnxScorer(artifact, device="cuda")


def test_loading_and_scoring_print_nothing() -> None:
    code = (
        "import numpy, modelzoo\n"
        "scorer = modelzoo.OnnxScorer(modelzoo.Registry().load(modelzoo.DEFAULT_MODEL))\n"
        "scorer(numpy.zeros((1, 57), dtype='float32'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("model", [b"", b"not a graph", linear_model()[:-40]])
def test_bytes_that_are_no_graph_are_corrupt(model: bytes) -> None:
    artifact = Artifact(make_manifest(model=model), Path("model.onnx"), model)
    with pytest.raises(ArtifactCorruptError):
        OnnxScorer(artifact, device="cpu")


@pytest.mark.parametrize("model", [linear_model(width=56), linear_model(n_genres=4)])
def test_a_graph_of_other_widths_than_its_manifest_is_corrupt(model: bytes) -> None:
    artifact = Artifact(make_manifest(model=model), Path("model.onnx"), model)
    with pytest.raises(ArtifactCorruptError, match="does not fit"):
        OnnxScorer(artifact, device="cpu")


def test_scoring_leaves_nothing_behind_for_onnxruntimes_maker(tmp_path: Path) -> None:
    program = (
        "from modelzoo.registry import DEFAULT_MODEL, Registry\n"
        "from modelzoo.scorer import OnnxScorer\n"
        "OnnxScorer(Registry().load(DEFAULT_MODEL), device='cpu').warm_up()\n"
    )
    home = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=home, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))
