"""Turns a few numbers into small, valid artifacts on disk for the tests of the model zoo."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from featurizer.spec import GTZAN57
from modelzoo.manifest import Abstention, Manifest, TemperatureBucket, TrainingData

GENRES = ("blues", "jazz", "rock")


def linear_model(*, width: int = GTZAN57.width, n_genres: int = len(GENRES), seed: int = 7) -> bytes:
    """Write a one-layer softmax graph; the same seed gives the same weights."""
    weight = np.random.default_rng(seed).normal(size=(n_genres, width)).astype(np.float32) * 0.1
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["features", "weight"], ["logits"], transB=1),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n_genres])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    written: bytes = model.SerializeToString()
    return written


def make_manifest(
    *,
    name: str = "linear",
    version: str = "1.0.0",
    model: bytes = b"",
    threshold: float = 0.0,
    temperatures: tuple[tuple[int, float], ...] = ((1, 1.0),),
) -> Manifest:
    """Describe `model` as a classifier of the default features into three genres."""
    return Manifest(
        name=name,
        version=version,
        sha256=hashlib.sha256(model).hexdigest(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        genres=GENRES,
        feature_set=GTZAN57.name,
        feature_names=GTZAN57.feature_names,
        spec_fingerprint=GTZAN57.fingerprint,
        window_samples=GTZAN57.window_samples,
        calibration=tuple(
            TemperatureBucket(min_windows=windows, temperature=heat) for windows, heat in temperatures
        ),
        abstain=Abstention(threshold=threshold, target_error=0.3, coverage=1.0, error=0.3),
        metrics={},
        training_data=TrainingData(id="synthetic", licence="none needed", n_tracks=3, n_windows=9),
        drift_reference={name: tuple(float(edge) for edge in range(10)) for name in GTZAN57.feature_names},
    )


def write_model(
    root: Path, *, name: str = "linear", version: str = "1.0.0", model: bytes | None = None
) -> Path:
    """Write an artifact below a registry's root and return its folder."""
    graph = linear_model() if model is None else model
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph)
    manifest = make_manifest(name=name, version=version, model=graph)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder
