"""Speeds are of real scoring, and every graph gets its turns."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.benchmark.tiny import WIDTH, FitCentroids, make_windows
from tests.training.synthetic import GENRES
from training.benchmark import speed
from training.benchmark.graphs import open_graph
from training.benchmark.speed import Runner, rows_per_second
from training.models.kind import Task


def make_graph() -> bytes:
    model = FitCentroids()(make_windows(), task=Task(genres=GENRES), seed=0, on_progress=lambda _: None)
    return model.onnx_bytes()


def test_a_graph_scores_what_the_model_does() -> None:
    windows = make_windows()
    model = FitCentroids()(windows, task=Task(genres=GENRES), seed=0, on_progress=lambda _: None)
    scores = open_graph(model.onnx_bytes())
    assert scores(windows.inputs) == pytest.approx(model(windows.inputs), abs=1e-6)
    assert scores(windows.inputs[:0]).shape == (0, len(GENRES))


def test_each_graph_has_a_speed_even_for_a_single_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_TURN_SECONDS", 0.002)
    rows = np.ones((1, WIDTH), dtype=np.float32)
    speeds = rows_per_second({name: Runner(make_graph(), rows) for name in ("a", "b")}, n_rounds=2)
    assert set(speeds) == {"a", "b"}
    assert all(each > 0.0 for each in speeds.values())


def test_a_graph_that_works_longer_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_TURN_SECONDS", 0.002)
    calls: list[int] = []

    def slow(inputs: np.ndarray) -> np.ndarray:
        calls.append(len(inputs))
        return np.sort(np.random.default_rng(0).random(300_000))

    fast = open_graph(make_graph())
    monkeypatch.setattr(speed, "open_graph", lambda graph: slow if graph == b"slow" else fast)
    rows = np.ones((3, WIDTH), dtype=np.float32)
    speeds = rows_per_second({"slow": Runner(b"slow", rows), "fast": Runner(b"", rows)}, n_rounds=2)
    assert speeds["fast"] > 5 * speeds["slow"]
    assert set(calls) == {256}
