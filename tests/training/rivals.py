"""Turns a share of right answers into a candidate's folder: a small model with made-up held-out scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelzoo.manifest import Manifest, Measurement
from modelzoo.publish import HELD_OUT_FILE
from tests.modelzoo.artifacts import GENRES, linear_model, make_manifest
from training.evaluate import TrackScores
from training.held_out import held_out_text

N_TRACKS = 600
TRACKS = tuple(f"{GENRES[number % 3]}.{number:05d}" for number in range(N_TRACKS))
ARTISTS = {track: f"artist {number // 2}" for number, track in enumerate(TRACKS)}


def scores(*, accuracy: float, seed: int = 0, sure: float = 0.6) -> TrackScores:
    """Make up the votes of a model that is right about a share of the tracks, the same ones for a seed."""
    targets = np.arange(N_TRACKS) % len(GENRES)
    is_right = np.random.default_rng(seed).permutation(N_TRACKS) < round(accuracy * N_TRACKS)
    said = np.where(is_right, targets, (targets + 1) % len(GENRES))
    votes = np.full((N_TRACKS, len(GENRES)), (1.0 - sure) / (len(GENRES) - 1), dtype=np.float32)
    votes[np.arange(N_TRACKS), said] = sure
    return TrackScores(TRACKS, targets, tuple(row[None] for row in votes))


def write_rival(
    root: Path,
    *,
    version: str = "1.0.0",
    accuracy: float = 0.6,
    seed: int = 0,
    difference: float | None = 1e-6,
    test_accuracy: float = 0.5,
    changed: dict[str, object] | None = None,
    found: TrackScores | None = None,
) -> Path:
    """Write a version below a registry's root; `changed` takes the place of fields of its manifest."""
    graph = linear_model(seed=int(version.split(".")[1]))
    metrics = {"fault_filtered": {"track_accuracy": _figure(test_accuracy)}}
    if difference is not None:
        metrics["export"] = {"largest_difference": _figure(difference)}
    described = make_manifest(name="rival", version=version, model=graph)
    manifest = Manifest.model_validate(
        described.model_dump() | {"metrics": metrics} | ({} if changed is None else changed)
    )
    folder = root / "rival" / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    (folder / "CARD.md").write_text("# card")
    held_out = held_out_text(
        [scores(accuracy=accuracy, seed=seed) if found is None else found],
        sha256=manifest.sha256,
        genres=manifest.genres,
        artists=ARTISTS,
        folds=4,
        seeds=[0],
        recipe={"members": 1},
    )
    (folder / HELD_OUT_FILE).write_text(held_out)
    return folder


def _figure(value: float) -> Measurement:
    return Measurement(mean=value, spread=0.0, n=290, seeds=1)
