"""Turns fresh weights into ones that pass signals on undiminished, where no batch norm does so."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from training.models.images.network import PictureNetwork

_LEAST_SPREAD: Final = 1e-6
_LOGIT_SPREAD: Final = 0.1


def balance(network: PictureNetwork, *, pictures: Tensor) -> None:
    """Scale fresh weights so that each layer's outputs for some pictures have spread 1, and logits 0.1.

    A fit of few epochs has none to lose. torchvision scales the layers of a fresh VGG16 by what they send,
    not by what they receive, so that signals fade; and a fresh Inception's logits are so large that its first
    probabilities are far from even. Where there are batch norms only the last layer is scaled: they take care
    of the others.

    Source: Mishkin and Matas, "All you need is a good init", 2016, without its orthogonal matrices.

    Parameters
    ----------
    network : PictureNetwork
        Fresh; its biases are zero.
    pictures : Tensor, shape (n, height, width), float32
        At the plan's size.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        layers = layers[-1:]
    last = layers[-1]

    def rescale(layer: nn.Module, _inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        spread = outputs.std().clamp_min(_LEAST_SPREAD) / (_LOGIT_SPREAD if layer is last else 1.0)
        for parameter in layer.parameters():
            parameter.div_(spread)
        # The layers behind are scaled in the same pass: they must see what this one sends from now on.
        return outputs / spread

    hooks = [layer.register_forward_hook(rescale) for layer in layers]
    with torch.no_grad():
        network.score(pictures)
    for hook in hooks:
        hook.remove()
