"""Turns an architecture's name into the numbers of its fit: how small pictures are, how long it lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from training.models.kind import Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """The numbers of one architecture's fit.

    Sized so that five architectures under three protocols and three seeds fit in forty minutes of two cores,
    at 700 pictures: the networks are far from what they reach at 224 pixels and with ImageNet weights.
    ResNet18 has the most of it, and lasts until twice as many passes do not help on validation artists
    (0.396 of the tracks after 18, 0.381 after 36, which fit 0.96 of the training side). The others are cut
    short.

    Attributes
    ----------
    architecture : str
        Name of torchvision's function that builds it.
    height, width : int
        Pixels that a picture is averaged down to: mel bands and columns.
    epochs : int
        Passes over the pictures.
    batch_size : int
        Pictures a step.
    learning_rate : float
        Of AdamW: its greatest value from scratch; it rises over the first quarter of the steps and falls as
        a cosine.
    tuning_rate : float
        The same where the fit begins with ImageNet weights.
    weight_decay : float
        Of AdamW.
    label_smoothing : float
        Share of each target spread evenly over the genres, in [0, 1).
    masked_share : float
        Longest band of rows, and of columns, that is blanked in each picture, as a share of its side.
    """

    architecture: str
    height: int
    width: int
    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    tuning_rate: float = 3e-4
    weight_decay: float = 5e-2
    label_smoothing: float = 0.1
    masked_share: float = 0.15

    def at(self, effort: Effort) -> ImagePlan:
        """Cut the fit down to one pass over pictures as small as the network takes, if that is wanted."""
        if effort is Effort.FULL:
            return self
        height, width = _LEAST_PIXELS[self.architecture]
        return replace(self, height=height, width=width, epochs=1)


_LEAST_PIXELS: Final = {
    # Its last pooling needs one pixel; five halvings make that of 32.
    "resnet18": (32, 32),
    "resnet34": (32, 32),
    "resnet50": (32, 32),
    "vgg16": (32, 32),
    # Convolutions without padding eat the rest: 74 leave nothing for the last block.
    "inception_v3": (75, 75),
}

PLANS: Final[dict[str, ImagePlan]] = {
    "inception-v3": ImagePlan(architecture="inception_v3", height=75, width=75, epochs=3, batch_size=16),
    "vgg16": ImagePlan(architecture="vgg16", height=32, width=32, epochs=2, learning_rate=2e-4),
    "resnet18": ImagePlan(architecture="resnet18", height=64, width=32, epochs=18, learning_rate=3e-4),
    "resnet34": ImagePlan(architecture="resnet34", height=32, width=32, epochs=6),
    "resnet50": ImagePlan(architecture="resnet50", height=32, width=32, epochs=4, batch_size=16),
}
"""By the name of the kind."""
