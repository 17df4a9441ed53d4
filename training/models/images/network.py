"""Turns pictures of sound into genre logits: torchvision's architectures with as many outputs as genres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
import torchvision
from torch import Tensor, nn

from training.models.images.plans import ImagePlan
from training.models.images.resizing import AdaptivePooling, Resizing

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_SCALE: Final = (0.229, 0.224, 0.225)
"""What each channel's pixels in [0, 1] are centred and scaled by for ImageNet weights (torchvision)."""

_VGG_HALVINGS: Final = 5
_VGG_POOLED: Final = 7


class PictureNetwork(nn.Module):
    """Resizes pictures, lays them in three equal channels, scales these and runs the architecture.

    Parameters
    ----------
    plan : ImagePlan
        Architecture and size.
    shape_in : (int, int)
        Mel bands and columns of the pictures that come in.
    n_genres : int
        Number of outputs.
    mean, scale : tuple of float
        What each channel is centred and scaled by.
    weights : mapping of str to Tensor, or None
        To begin with, those of the last layer (and of Inception's auxiliary one) aside.
    """

    def __init__(
        self,
        *,
        plan: ImagePlan,
        shape_in: tuple[int, int],
        n_genres: int,
        mean: tuple[float, ...],
        scale: tuple[float, ...],
        weights: Mapping[str, Tensor] | None,
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.resizing = Resizing(
            height_in=shape_in[0], width_in=shape_in[1], height=plan.height, width=plan.width
        )
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(scale).reshape(-1, 1, 1), persistent=False)
        self.architecture = build(plan, n_genres=n_genres, weights=weights)

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute logits, shape (n, n_genres), of pictures in [0, 1], shape (n, n_mels, n_columns)."""
        return self.score(self.resizing(pictures))

    def rates(self, rate: float) -> list[dict[str, Any]]:
        """Say how fast each parameter is to learn, as an optimiser takes it.

        Where VGG's pooling repeats a pixel, as many weights of the layer behind it move as one: each of them
        learns slower by that number. At one rate for all, VGG16 at 32 pixels had learned nothing in 28 steps.
        """
        pooling = next((part for part in self.modules() if isinstance(part, AdaptivePooling)), None)
        if pooling is None or pooling.n_repeats <= 1.0:
            return [{"params": list(self.parameters()), "lr": rate}]
        slow = next(part for part in self.modules() if isinstance(part, nn.Linear)).weight
        others = [parameter for parameter in self.parameters() if parameter is not slow]
        return [{"params": others, "lr": rate}, {"params": [slow], "lr": rate / pooling.n_repeats}]

    def score(self, small: Tensor) -> Tensor:
        """Compute logits of pictures that have the plan's size already."""
        channels = (small.unsqueeze(1) - self.mean) / self.scale
        logits: Tensor = self.architecture(channels)
        return logits


def build(plan: ImagePlan, *, n_genres: int, weights: Mapping[str, Tensor] | None) -> nn.Module:
    """Build an architecture as torchvision does, with its own last layer for so many genres.

    Inception has no auxiliary output: its pooling would leave nothing of pictures under 299 pixels' quarter.
    VGG's adaptive pooling is written as products, equal in value, so that it can be exported.
    """
    options: dict[str, object] = {}
    if plan.architecture == "inception_v3":
        options = {
            "aux_logits": False,
            # Published weights know a scale of their own; it is put over ImageNet's.
            "transform_input": weights is not None,
            "init_weights": weights is None,
        }
    network: nn.Module = getattr(torchvision.models, plan.architecture)(
        weights=None, num_classes=n_genres, **options
    )
    if plan.architecture == "vgg16":
        network.avgpool = AdaptivePooling(
            height_in=plan.height >> _VGG_HALVINGS, width_in=plan.width >> _VGG_HALVINGS, size=_VGG_POOLED
        )
    if weights is not None:
        own = network.state_dict()
        fitting = {name: value for name, value in weights.items() if _fits(own.get(name), value)}
        network.load_state_dict({**own, **fitting})
    return network


def _fits(own: Tensor | None, published: Tensor) -> bool:
    return own is not None and own.shape == published.shape
