"""Turns fresh weights into ones that pass signals on undiminished, where no batch norm does so."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from training.models.images.network import PictureNetwork

_LEAST_SPREAD: Final = 1e-6
_LOGIT_SPREAD: Final = 0.1


def balance(network: PictureNetwork, *, pictures: Tensor) -> None:
    """Shift and scale fresh weights so that each unit has mean 0 and spread 1 over some pictures, logits 0.1.

    A fit of few epochs has none to lose. torchvision scales the layers of a fresh VGG16 by what they send,
    not by what they receive, so that signals fade, and what all pictures share outgrows what tells them
    apart; and a fresh Inception's logits are so large that its first probabilities are far from even. Where
    there are batch norms only the last layer is touched: they take care of the others.

    Source: Salimans and Kingma, "Weight normalization", 2016, section 3.

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
        over = [axis for axis in range(outputs.dim()) if axis != 1]
        middle = outputs.mean(dim=over)
        spread = outputs.std(dim=over)
        # Of a unit that says the same of all pictures there is nothing to scale.
        spread = torch.where(spread > _LEAST_SPREAD, spread, 1.0) / (_LOGIT_SPREAD if layer is last else 1.0)
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        weight.div_(spread.reshape(-1, *[1] * (weight.dim() - 1)))
        bias.sub_(middle).div_(spread)
        # The layers behind are scaled in the same pass: they must see what this one sends from now on.
        shape = (1, -1, *[1] * (outputs.dim() - 2))
        return (outputs - middle.reshape(shape)) / spread.reshape(shape)

    hooks = [layer.register_forward_hook(rescale) for layer in layers]
    with torch.no_grad():
        network.score(pictures)
    for hook in hooks:
        hook.remove()
