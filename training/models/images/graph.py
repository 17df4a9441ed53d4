"""Turns a fitted image network into one ONNX graph: pictures in, probabilities out."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from training.models.images.network import PictureNetwork

OPSET: Final = 17
"""The newest that torch's tracing exporter writes well; every onnxruntime that is still in use reads it."""

INPUT, OUTPUT = "images", "probabilities"


class _Probabilities(nn.Module):
    def __init__(self, network: PictureNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return torch.softmax(self.network(images), dim=1)


def write_graph(network: PictureNetwork, *, shape_in: tuple[int, int]) -> bytes:
    """Write a network as ONNX: the same network gives the same bytes.

    By torch's tracing exporter: none of these networks has a branch, and it takes a second where the one by
    `torch.export` takes ten for an equal graph.

    Parameters
    ----------
    network : PictureNetwork
        In evaluation mode: its batch norms become part of the convolutions.
    shape_in : (int, int)
        Mel bands and columns of a picture.

    Returns
    -------
    bytes
        Input `images`, float32 (n, *shape_in) in [0, 1]; output `probabilities`, float32 (n, n_genres).
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # It is announced for removal; torch is held below the version that would remove it.
        warnings.filterwarnings(
            "ignore", message=".*(legacy TorchScript|feature will be removed)", category=DeprecationWarning
        )
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            _Probabilities(network).eval(),
            (torch.zeros(2, *shape_in),),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes()
