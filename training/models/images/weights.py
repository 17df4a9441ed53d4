"""Turns an architecture's name into the weights that a fit begins with: ImageNet's, or none."""

from __future__ import annotations

import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Final
from urllib.error import URLError
from urllib.parse import urlparse

import torch
import torchvision
from torch import Tensor

from training.errors import DataError

DOWNLOAD_VARIABLE: Final = "GENRESTREAM_IMAGENET_DOWNLOAD"
"""Environment variable that allows the download of weights, when it is 1."""

_WEIGHTS: Final = "IMAGENET1K_V1"
"""torchvision's first set, which it has for every architecture here."""

_ENUMS: Final = {
    "inception_v3": "Inception_V3_Weights",
    "resnet18": "ResNet18_Weights",
    "resnet34": "ResNet34_Weights",
    "resnet50": "ResNet50_Weights",
    "vgg16": "VGG16_Weights",
}


def imagenet_weights(architecture: str) -> dict[str, Tensor] | None:
    """Load the weights that torchvision publishes, if they are to be had.

    They are in torch hub's cache (`TORCH_HOME`, ~/.cache/torch by default), or the person who trains has
    allowed their download by `GENRESTREAM_IMAGENET_DOWNLOAD=1`. Nothing is downloaded otherwise.

    Parameters
    ----------
    architecture : str
        Name of torchvision's function.

    Returns
    -------
    dict of str to Tensor, or None
        Float32 parameters and running statistics by name; None means that a fit starts from scratch.

    Raises
    ------
    DataError
        The cached file is damaged, or the download was allowed and failed.
    """
    path = cached_file(architecture)
    try:
        if path.is_file():
            # A file may be anyone's: tensors only, no code.
            cached: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            return cached
        if not download_allowed():
            return None
        fetched: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            _url(architecture), map_location="cpu", progress=False, check_hash=True
        )
    except URLError as exc:
        raise DataError(
            f"ImageNet weights cannot be downloaded, architecture={architecture}: {exc.reason}; put the file "
            f"at {path}, or unset {DOWNLOAD_VARIABLE} to train from scratch"
        ) from exc
    except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as exc:
        # torch's reader names each kind of damage by another of these.
        raise DataError(
            f"ImageNet weights cannot be read, path={path}: {str(exc).splitlines()[0]}; remove the file"
        ) from exc
    return fetched


def weights_expected(architecture: str) -> str:
    """Say what a fit would begin with: `ImageNet weights` or `from scratch`. Reads no file, loads nothing."""
    if cached_file(architecture).is_file() or download_allowed():
        return "ImageNet weights"
    return "from scratch"


def download_allowed() -> bool:
    """Whether the person who trains has allowed downloads."""
    return os.environ.get(DOWNLOAD_VARIABLE, "") == "1"


def cached_file(architecture: str) -> Path:
    """Name the file in torch hub's cache that holds an architecture's weights, there or not."""
    name = Path(urlparse(_url(architecture)).path).name
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def _url(architecture: str) -> str:
    url: str = getattr(torchvision.models, _ENUMS[architecture])[_WEIGHTS].url
    return url
