"""Turns a network's running statistics into those of its last weights, where it has batch norms."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.models.images.network import PictureNetwork


def settle(network: PictureNetwork, *, batches: Iterable[Tensor]) -> None:
    """Measure the mean and variance that each batch norm is to use, over some batches.

    A fit leaves running averages over its last steps and, where it had few, over what they started from: an
    Inception of one step answers every picture alike.

    Source: Wu and Johnson, "Rethinking 'batch' in BatchNorm", 2021, who call it PreciseBN.

    Parameters
    ----------
    network : PictureNetwork
        In training mode; its weights are left as they are.
    batches : iterable of Tensor, each of shape (n, height, width), float32
        Pictures at the plan's size, at least one batch of two.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    with torch.no_grad():
        for pictures in batches:
            network.score(pictures)
