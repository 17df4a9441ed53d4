"""A track's row says how its windows sound on average and how much they differ, in a table and in a graph."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.training.models.tabular.tables import GENRES, NAMES, extreme_rows, make_windows
from training.models import tabular, whole_tracks
from training.models.kind import Effort, FittedModel, ModelKind, Task
from training.models.pooling import pool_tracks, track_graph, voting_graph
from training.windows import LabelledWindows

KINDS = (*tabular.KINDS, *whole_tracks.KINDS)


def fit(name: str, windows: LabelledWindows, *, feature_names: tuple[str, ...] = NAMES) -> FittedModel:
    (kind,) = [kind for kind in KINDS if kind.name == name]
    task = Task(genres=GENRES, feature_names=feature_names, effort=Effort.QUICK)
    return kind.fit(windows, task=task, seed=0, on_progress=lambda _: None)


def run_graph(graph: bytes, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: windows})[0])


def test_a_track_becomes_one_row_of_means_and_deviations() -> None:
    windows = LabelledWindows(
        np.array([[1.0, np.e], [3.0, np.e**3], [7.0, 1.0]], dtype=np.float32),
        np.array(["rock", "rock", "jazz"]),
        np.array(["rock.2", "rock.2", "jazz.1"]),
        np.array([1.0, 0.5, 0.3], dtype=np.float32),
    )
    pooled = pool_tracks(windows, feature_names=("tempo", "rms_var"))
    assert pooled.tracks.tolist() == ["jazz.1", "rock.2"]
    assert pooled.genres.tolist() == ["jazz", "rock"]
    np.testing.assert_allclose(pooled.inputs, [[7.0, 0.0, 0.0, 0.0], [2.0, 2.0, 1.0, 1.0]], atol=1e-6)
    np.testing.assert_allclose(pooled.weights, [0.3, 0.75])


def test_without_names_no_logarithm_is_taken() -> None:
    pooled = pool_tracks(make_windows(), feature_names=())
    windows = make_windows()
    first = windows.inputs[windows.tracks == pooled.tracks[0]]
    np.testing.assert_allclose(pooled.inputs[0], [*first.mean(axis=0), *first.std(axis=0)], rtol=1e-5)


@pytest.mark.parametrize("kind", whole_tracks.KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("names", [NAMES, ()], ids=["named", "unnamed"])
def test_the_graph_of_a_track_pools_as_the_table_does(kind: ModelKind, names: tuple[str, ...]) -> None:
    windows = make_windows()
    model = fit(kind.name, pool_tracks(windows, feature_names=names), feature_names=names)
    graph = track_graph(model.onnx_bytes(), feature_names=names)
    for rows in (windows.inputs[:5], windows.inputs[7:8], extreme_rows(n=30)[:, :6] % 1e6):
        one = LabelledWindows(
            rows, np.full(len(rows), "rock"), np.full(len(rows), "t"), np.ones(len(rows), np.float32)
        )
        expected = model(pool_tracks(one, feature_names=names).inputs)
        found = run_graph(graph, rows)
        assert found.shape == (1, len(GENRES))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_voting_graph_gives_the_mean_of_windows() -> None:
    windows = make_windows()
    model = fit("lightgbm", windows)
    found = run_graph(voting_graph(model.onnx_bytes()), windows.inputs[:5])
    np.testing.assert_allclose(found, model(windows.inputs[:5]).mean(axis=0, keepdims=True), atol=1e-5)


def test_samples_means_do_not_reach_a_model_of_tracks() -> None:
    names = ("harmony_mean", *NAMES[1:])
    pooled = pool_tracks(make_windows(), feature_names=names)
    model = fit("track-lda", pooled, feature_names=names)
    other = pooled.inputs.copy()
    other[:, [0, len(names)]] = 99.0
    np.testing.assert_array_equal(model(other), model(pooled.inputs))
