"""A fit begins with ImageNet weights where they are to be had, and nothing is downloaded unasked."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision

from training.errors import DataError
from training.models.images.network import build
from training.models.images.plans import PLANS
from training.models.images.weights import (
    DOWNLOAD_VARIABLE,
    cached_file,
    imagenet_weights,
    weights_expected,
)


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv(DOWNLOAD_VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse_download)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def refuse_download(url: str, **_: object) -> None:
    raise URLError(f"asked for {url.rpartition('/')[2]}")


def test_without_a_cached_file_a_fit_starts_from_scratch_and_asks_nobody() -> None:
    for plan in PLANS.values():
        assert imagenet_weights(plan.architecture) is None
        assert weights_expected(plan.architecture) == "from scratch"


def test_a_cached_file_is_used_for_all_layers_but_the_last() -> None:
    published = torchvision.models.resnet18(num_classes=1000).state_dict()
    torch.save(published, cached_file("resnet18"))
    found = imagenet_weights("resnet18")
    assert found is not None
    assert weights_expected("resnet18") == "ImageNet weights"
    network = build(PLANS["resnet18"], n_genres=3, weights=found).state_dict()
    assert network.keys() == published.keys()
    differing = {name for name, value in network.items() if not torch.equal(value, published[name])}
    assert differing == {"fc.weight", "fc.bias"}


def test_a_damaged_file_gets_one_clear_line() -> None:
    cached_file("resnet18").write_bytes(b"no weights")
    with pytest.raises(DataError, match=r"cannot be read, path=.*resnet18.*remove the file") as error:
        imagenet_weights("resnet18")
    assert "\n" not in str(error.value)


def test_a_download_happens_only_where_it_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DOWNLOAD_VARIABLE, "0")
    assert imagenet_weights("vgg16") is None
    monkeypatch.setenv(DOWNLOAD_VARIABLE, "1")
    assert weights_expected("vgg16") == "ImageNet weights"
    with pytest.raises(DataError, match=r"cannot be downloaded, .*asked for vgg16-\w+\.pth; put the file at"):
        imagenet_weights("vgg16")
