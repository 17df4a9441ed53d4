"""A fit learns what there is to learn, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.models.images.pictures import TASK, draw
from training.models.images.fitted import FittedImages
from training.models.images.fitting import ImageFit
from training.models.images.plans import PLANS
from training.models.images.settling import settle
from training.models.images.weights import DOWNLOAD_VARIABLE
from training.models.kind import Effort, Task

SMALL = replace(PLANS["resnet18"], height=32, width=32, epochs=6, batch_size=16)


@pytest.fixture(scope="module", autouse=True)
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.hub, "get_dir", lambda: str(folder))
        patch.delenv(DOWNLOAD_VARIABLE, raising=False)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


def fit(n: int = 48, *, seed: int = 0, task: Task = TASK) -> FittedImages:
    return ImageFit(SMALL)(draw(n), task=task, seed=seed, on_progress=lambda _share: None)


@pytest.mark.slow
def test_it_learns_what_can_be_seen() -> None:
    shares: list[float] = []
    task = replace(TASK, effort=Effort.FULL)
    model = ImageFit(SMALL)(draw(96), task=task, seed=0, on_progress=shares.append)
    fresh = draw(60, seed=1)
    assert (model(fresh.inputs).argmax(axis=1) == fresh.targets(task.genres)).mean() >= 0.95
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(model.losses) == SMALL.epochs
    # The first probabilities are even: the loss is the logarithm of the number of genres.
    assert model.losses[0] < 1.3 > model.losses[-1]


def test_the_seed_decides_the_model() -> None:
    pictures = draw(4, seed=1).inputs
    first, again, other = (fit(16, seed=seed)(pictures) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_a_fit_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(6)
    assert torch.equal(torch.rand(1), expected)


def test_rows_are_scored_by_themselves_any_number_of_them() -> None:
    model = fit(6)
    pictures = draw(130, seed=1).inputs
    whole = model(pictures)
    assert whole.shape == (130, 3)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(model(pictures[64:65]), whole[64:65], atol=1e-5)
    assert model(pictures[:0]).shape == (0, 3)


@pytest.mark.slow
def test_a_row_counts_as_its_weight_says() -> None:
    task = replace(TASK, effort=Effort.FULL)
    right = draw(48)
    # The other half says the opposite of everything, and hardly counts.
    wrong = replace(draw(48, seed=2), genres=np.roll(draw(48).genres, 1)).weighing(1e-4)
    both = replace(
        right,
        inputs=np.concatenate([right.inputs, wrong.inputs]),
        genres=np.concatenate([right.genres, wrong.genres]),
        tracks=np.concatenate([right.tracks, wrong.tracks]),
        weights=np.concatenate([right.weights, wrong.weights]),
    )
    model = ImageFit(SMALL)(both, task=task, seed=0, on_progress=lambda _share: None)
    fresh = draw(30, seed=1)
    assert (model(fresh.inputs).argmax(axis=1) == fresh.targets(task.genres)).mean() >= 0.8


def test_fewer_pictures_than_a_batch_are_one_batch() -> None:
    assert len(fit(5).losses) == 1


def test_a_model_says_what_it_began_with(one_thread: Path) -> None:
    model = fit(6)
    assert model.began_with == "from scratch"
    file = one_thread / "checkpoints/resnet18-f37072fd.pth"
    file.parent.mkdir()
    torch.save(model.network.architecture.state_dict(), file)
    try:
        tuned = fit(6)
    finally:
        file.unlink()
    assert tuned.began_with == "ImageNet weights"
    torch.testing.assert_close(tuned.network.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))


def test_settled_statistics_are_those_of_the_pictures() -> None:
    model = fit(6)
    norm = model.network.architecture.get_submodule("bn1")
    pictures = model.network.resizing(torch.from_numpy(draw(40, seed=3).inputs))
    model.network.train()
    settle(model.network, batches=torch.split(pictures, 20))
    model.network.eval()
    with torch.no_grad():
        channels = ((pictures.unsqueeze(1) - model.network.mean) / model.network.scale).expand(-1, 3, -1, -1)
        maps = model.network.architecture.get_submodule("conv1")(channels)
    torch.testing.assert_close(
        norm.get_buffer("running_mean"), maps.mean(dim=(0, 2, 3)), atol=1e-4, rtol=1e-3
    )
