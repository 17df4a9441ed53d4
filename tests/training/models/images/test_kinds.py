"""The five kinds are torchvision's architectures, fit at every effort and equal their ONNX graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.training.models.images.pictures import TASK, draw
from training.models.images.balancing import balance
from training.models.images.kinds import KINDS
from training.models.images.network import PictureNetwork
from training.models.images.plans import PLANS
from training.models.images.weights import DOWNLOAD_VARIABLE
from training.models.kind import Effort, InputKind, ModelKind


@pytest.fixture(autouse=True)
def from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv(DOWNLOAD_VARIABLE, raising=False)


def test_the_kinds_are_those_of_the_source_report() -> None:
    assert {kind.name: kind.source_accuracy for kind in KINDS} == {
        "inception-v3": 0.57,
        "vgg16": 0.66,
        "resnet18": 0.78,
        "resnet34": None,
        "resnet50": None,
    }
    assert {kind.input for kind in KINDS} == {InputKind.IMAGE}
    for kind in KINDS:
        plan = PLANS[kind.name]
        assert f"{plan.height} mel bands x {plan.width} columns, {plan.epochs} epochs" in kind.note


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [
        # Published counts, less the last layer for 1,000 classes, plus one for 10; Inception without its
        # auxiliary output.
        ("inception-v3", 21_785_568 + 20_490),
        ("vgg16", 138_357_544 - 4_097_000 + 40_970),
        ("resnet18", 11_689_512 - 513_000 + 5_130),
        ("resnet34", 21_797_672 - 513_000 + 5_130),
        ("resnet50", 25_557_032 - 2_049_000 + 20_490),
    ],
)
def test_the_architectures_are_unchanged_but_for_their_outputs(name: str, n_parameters: int) -> None:
    with torch.device("meta"):
        network = torch_network(name, n_genres=10)
    assert sum(parameter.numel() for parameter in network.architecture.parameters()) == n_parameters


def torch_network(name: str, *, n_genres: int) -> PictureNetwork:
    return PictureNetwork(
        plan=PLANS[name],
        shape_in=(128, 248),
        n_genres=n_genres,
        mean=(0.5,) * 3,
        scale=(0.2,) * 3,
        weights=None,
    )


def test_weights_behind_repeated_pixels_learn_slower_by_their_number() -> None:
    with torch.device("meta"):
        vgg, resnet = torch_network("vgg16", n_genres=10), torch_network("resnet18", n_genres=10)
    others, slow = vgg.rates(0.49)
    assert others["lr"] == 0.49
    assert slow["lr"] == pytest.approx(0.01)
    weight = vgg.architecture.get_parameter("classifier.0.weight")
    assert [parameter is weight for parameter in slow["params"]] == [True]
    assert len(others["params"]) + 1 == len(list(vgg.parameters()))
    assert not any(parameter is weight for parameter in others["params"])
    (group,) = resnet.rates(0.49)
    assert group["lr"] == 0.49
    assert len(group["params"]) == len(list(resnet.parameters()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_torch_and_onnx_agree_within_1e_5(kind: ModelKind) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = kind.fit(draw(32), task=TASK, seed=0, on_progress=lambda _share: None)
    finally:
        torch.set_num_threads(threads)
    graph = model.onnx_bytes()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert [(node.name, node.shape, node.type) for node in session.get_inputs()] == [
        ("images", ["n", 24, 40], "tensor(float)")
    ]
    assert [(node.name, node.shape) for node in session.get_outputs()] == [("probabilities", ["n", 3])]
    pictures = draw(7, seed=1).inputs
    expected = model(pictures)
    # A graph that answers the same to all would agree with anything.
    assert np.ptp(expected, axis=0).max() > 1e-4
    for n in (1, 2, 7):
        np.testing.assert_allclose(session.run(None, {"images": pictures[:n]})[0], expected[:n], atol=1e-5)


@pytest.mark.slow
def test_the_same_network_gives_the_same_bytes() -> None:
    kind = next(kind for kind in KINDS if kind.name == "resnet18")
    model = kind.fit(draw(6), task=TASK, seed=0, on_progress=lambda _share: None)
    graph = model.onnx_bytes()
    assert graph == model.onnx_bytes()
    onnx.checker.check_model(onnx.load_from_string(graph))


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        pytest.param("vgg16", marks=pytest.mark.slow),
        pytest.param("inception-v3", marks=pytest.mark.slow),
    ],
)
def test_fresh_networks_begin_with_almost_even_logits_that_still_depend_on_the_picture(name: str) -> None:
    torch.manual_seed(0)
    network = torch_network(name, n_genres=10)
    plan = PLANS[name]
    pictures = torch.rand(16, plan.height, plan.width)
    balance(network, pictures=pictures)
    with torch.no_grad():
        logits = network.score(pictures)
    # What balanced it were these very pictures; dropout and batch statistics are drawn anew.
    assert 0.05 < float(logits.std(dim=0).mean()) < 0.2
    assert float(logits.mean(dim=0).abs().max()) < 0.1


def test_a_quick_fit_is_one_pass_over_small_pictures() -> None:
    for plan in PLANS.values():
        quick = plan.at(Effort.QUICK)
        assert quick.epochs == 1
        assert quick.height <= plan.height
        assert quick.width <= plan.width
        assert plan.at(Effort.FULL) == plan
        assert replace(quick, epochs=plan.epochs, height=plan.height, width=plan.width) == plan
