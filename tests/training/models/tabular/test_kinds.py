"""Every kind of model of tables learns, listens to weights, repeats itself and is what its graph computes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.training.models.tabular.tables import GENRES, NAMES, extreme_rows, make_windows
from training.models import tabular, whole_tracks
from training.models.kind import Effort, FittedModel, InputKind, ModelKind, Task
from training.models.pooling import pool_tracks
from training.windows import LabelledWindows, join

KINDS = (*tabular.KINDS, *whole_tracks.KINDS)
TASK = Task(genres=GENRES, feature_names=NAMES, effort=Effort.QUICK)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def fit(kind: ModelKind, windows: LabelledWindows, *, task: Task = TASK, seed: int = 0) -> FittedModel:
    done: list[float] = []
    model = kind.fit(windows, task=task, seed=seed, on_progress=done.append)
    assert done[-1] == 1.0
    return model


def made_for(kind: ModelKind, windows: LabelledWindows) -> LabelledWindows:
    return pool_tracks(windows, feature_names=NAMES) if kind.input is InputKind.TRACK else windows


def run_graph(graph: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (given,), (told,) = session.get_inputs(), session.get_outputs()
    assert (given.shape, told.name, told.shape) == (
        ["n", inputs.shape[1]],
        "probabilities",
        ["n", told.shape[1]],
    )
    (output,) = session.run(None, {given.name: inputs})
    return np.asarray(output)


@every_kind
def test_a_fit_tells_genres_apart_that_lie_apart(kind: ModelKind) -> None:
    model, asked = (
        fit(kind, made_for(kind, make_windows(seed=0))),
        made_for(kind, make_windows(seed=1)),
    )
    probabilities = model(asked.inputs)
    assert (probabilities.argmax(axis=1) == asked.targets(GENRES)).mean() > 0.85
    assert probabilities.dtype == np.float32
    assert model.n_parameters > 0


@every_kind
def test_of_equal_rows_under_two_genres_the_heavier_wins(kind: ModelKind) -> None:
    right = made_for(kind, make_windows(seed=0))
    wrong = LabelledWindows(
        right.inputs, np.roll(right.genres, len(right) // 3), np.char.add("x", right.tracks), right.weights
    )
    asked = made_for(kind, make_windows(seed=1))
    for weight, heard in ((0.1, True), (10.0, False)):
        model = fit(kind, join([right, wrong.weighing(weight)]))
        accuracy = (model(asked.inputs).argmax(axis=1) == asked.targets(GENRES)).mean()
        assert (accuracy > 0.8) == heard


@every_kind
def test_the_same_seed_gives_the_same_bytes(kind: ModelKind) -> None:
    graphs = {fit(kind, made_for(kind, make_windows()), seed=3).onnx_bytes() for _ in range(2)}
    assert len(graphs) == 1


@every_kind
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_the_graph_gives_the_models_probabilities(kind: ModelKind, named: bool) -> None:
    task = Task(genres=GENRES, feature_names=NAMES if named else (), effort=Effort.QUICK)
    windows = made_for(kind, make_windows())
    model = fit(kind, windows, task=task)
    graph = model.onnx_bytes()
    for inputs in (
        windows.inputs,
        extreme_rows(width=windows.inputs.shape[1]),
        windows.inputs[:1],
        windows.inputs[:0],
    ):
        expected = model(inputs)
        assert expected.shape == (len(inputs), len(GENRES))
        np.testing.assert_allclose(expected.sum(axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(run_graph(graph, inputs), expected, atol=1e-5)


@every_kind
def test_two_genres_are_enough(kind: ModelKind) -> None:
    windows = made_for(kind, make_windows())
    pair = windows.rows(windows.genres != "jazz")
    task = Task(genres=("blues", "rock"), feature_names=NAMES, effort=Effort.QUICK)
    model = fit(kind, pair, task=task)
    probabilities = model(pair.inputs)
    assert (probabilities.argmax(axis=1) == pair.targets(task.genres)).mean() > 0.9
    np.testing.assert_allclose(run_graph(model.onnx_bytes(), pair.inputs), probabilities, atol=1e-5)


@every_kind
def test_a_column_that_never_changes_does_no_harm(kind: ModelKind) -> None:
    windows = made_for(kind, make_windows())
    still = windows.inputs.copy()
    still[:, 2] = 3.0
    flat = LabelledWindows(still, windows.genres, windows.tracks, windows.weights)
    probabilities = fit(kind, flat)(still)
    assert (probabilities.argmax(axis=1) == flat.targets(GENRES)).mean() > 0.85


@every_kind
@pytest.mark.parametrize("n_windows", [1, 2])
def test_one_track_of_each_genre_is_enough_to_fit(kind: ModelKind, n_windows: int) -> None:
    windows = made_for(kind, make_windows(n_tracks=1, n_windows=n_windows))
    model = fit(kind, windows)
    expected = model(windows.inputs)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(run_graph(model.onnx_bytes(), windows.inputs), expected, atol=1e-5)
