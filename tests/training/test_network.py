"""The network is the published one."""

from __future__ import annotations

import torch

from training.network import GenreMlp


def test_the_layers_hold_as_many_parameters_as_published() -> None:
    network = GenreMlp(width=57, n_genres=10)
    counts = [sum(value.numel() for value in layer.parameters()) for layer in network.layers()]
    assert counts == [14_848, 32_896, 8_256, 650]
    assert sum(value.numel() for value in network.parameters()) == sum(counts)


def test_dropout_works_in_training_only() -> None:
    network = GenreMlp(width=57, n_genres=10)
    features = torch.ones(4, 57)
    assert not torch.equal(network(features), network(features))
    network.eval()
    assert torch.equal(network(features), network(features))
