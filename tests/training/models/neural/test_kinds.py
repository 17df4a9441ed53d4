"""Every neural kind learns, fits the same way twice, and is exported as what it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from tests.training.models.neural.windows import GENRES, make_windows
from training.errors import DataError
from training.models.kind import Effort, FittedInPasses, FittedModel, InputKind, ModelKind, Task
from training.models.neural import KINDS
from training.models.neural.lstm import LstmFit
from training.models.neural.mlp import MlpFit
from training.windows import LabelledWindows

# torch takes seconds to import what its optimisers need, and each kind is fitted.
pytestmark = pytest.mark.slow

STEPS = 2_000
"""Of a full fit here: made-up genres are learnt in the twentieth of it that a quick fit takes."""


def shortened(kind: ModelKind) -> ModelKind:
    assert isinstance(kind.fit, MlpFit | LstmFit)
    return replace(kind, fit=replace(kind.fit, steps=STEPS))


SHAPES = {InputKind.FEATURES: (57,), InputKind.SERIES: (20, 13)}
BY_NAME = {kind.name: shortened(kind) for kind in KINDS}


def windows_for(kind: ModelKind) -> LabelledWindows:
    return make_windows(shape=SHAPES[kind.input])


def fitted(kind: ModelKind, windows: LabelledWindows, *, seed: int = 0) -> FittedModel:
    names = GTZAN57.feature_names if windows.inputs.shape[1:] == (57,) else ()
    task = Task(genres=GENRES, feature_names=names, effort=Effort.QUICK)
    return kind.fit(windows, task=task, seed=seed, on_progress=lambda _: None)


def run_graph(graph: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (name,) = [put.name for put in session.get_inputs()]
    assert [put.name for put in session.get_outputs()] == ["probabilities"]
    probabilities: NDArray[np.float32] = session.run(None, {name: inputs})[0]
    return probabilities


@pytest.fixture(scope="module", params=list(BY_NAME))
def kind(request: pytest.FixtureRequest) -> ModelKind:
    return BY_NAME[request.param]


@pytest.fixture(scope="module")
def model(kind: ModelKind) -> FittedModel:
    return fitted(kind, windows_for(kind))


def test_it_learns_what_can_be_learnt(kind: ModelKind, model: FittedModel) -> None:
    unheard = make_windows(shape=SHAPES[kind.input], seed=1)
    probabilities = model(unheard.inputs)
    assert np.mean(probabilities.argmax(axis=1) == unheard.targets(GENRES)) > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert isinstance(model, FittedInPasses)
    assert model.losses[-1] < model.losses[0]


def test_the_graph_computes_what_the_model_computes(kind: ModelKind, model: FittedModel) -> None:
    inputs = make_windows(shape=SHAPES[kind.input], seed=2).inputs
    inputs = inputs * np.random.default_rng(0).choice([-1.0, 0.0, 1.0, 1e6], size=inputs.shape)
    inputs = inputs.astype(np.float32)
    graph = model.onnx_bytes()
    for n in (0, 1, len(inputs)):
        np.testing.assert_allclose(run_graph(graph, inputs[:n]), model(inputs[:n]), atol=1e-5)
    rows = onnx.load_from_string(graph).graph.input[0].type.tensor_type.shape.dim[0]
    assert rows.dim_param


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(
    kind: ModelKind, model: FittedModel
) -> None:
    graph = model.onnx_bytes()
    assert model.onnx_bytes() == graph
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert fitted(kind, windows_for(kind)).onnx_bytes() == graph
    assert torch.equal(torch.random.get_rng_state(), before)
    assert fitted(kind, windows_for(kind), seed=1).onnx_bytes() != graph


def test_a_row_depends_on_its_own_input_alone(kind: ModelKind, model: FittedModel) -> None:
    inputs = windows_for(kind).inputs
    np.testing.assert_allclose(model(inputs[3:4]), model(inputs)[3:4], atol=1e-6)


def test_progress_rises_to_one(kind: ModelKind) -> None:
    shares: list[float] = []
    windows = windows_for(kind)
    task = Task(genres=GENRES, feature_names=GTZAN57.feature_names, effort=Effort.QUICK)
    kind.fit(windows, task=task, seed=0, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("name", ["mlp", "mlp-dropout", "lstm"])
def test_features_may_have_any_width_and_no_names(name: str) -> None:
    windows = make_windows(shape=(7,))
    model = fitted(BY_NAME[name], windows)
    graph = run_graph(model.onnx_bytes(), windows.inputs)
    np.testing.assert_allclose(graph, model(windows.inputs), atol=1e-5)


def test_the_services_network_refuses_features_that_it_does_not_know() -> None:
    with pytest.raises(DataError, match="needs=gtzan57"):
        fitted(BY_NAME["mlp-robust"], make_windows(shape=(7,)))


@pytest.mark.parametrize("name", ["mlp", "mlp-dropout", "mlp-robust"])
def test_the_layers_hold_as_many_parameters_as_published(name: str) -> None:
    # The source report's Table 3 prints 8,267 for the third layer, which has 128 * 64 + 64 = 8,256.
    genres = tuple(f"genre {place}" for place in range(10))
    windows = make_windows(shape=(57,), n=10)
    ten = LabelledWindows(windows.inputs, np.array(genres), windows.tracks, windows.weights)
    task = Task(genres=genres, feature_names=GTZAN57.feature_names, effort=Effort.QUICK)
    model = BY_NAME[name].fit(ten, task=task, seed=0, on_progress=lambda _: None)
    graph = onnx.load_from_string(model.onnx_bytes()).graph
    sizes = {constant.name: int(np.prod(constant.dims)) for constant in graph.initializer}
    layers = [sizes[f"weight_{place}"] + sizes[f"bias_{place}"] for place in range(4)]
    assert layers == [14_848, 32_896, 8_256, 650]
    assert model.n_parameters == sum(layers)
