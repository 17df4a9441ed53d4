"""Turns pictures into probabilities by a fitted network, and the network into an ONNX graph."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.models.images.graph import write_graph
from training.models.images.network import PictureNetwork

_BATCH: Final = 64
"""Pictures scored at a time: bounds the memory that the first layers' maps take."""


class FittedImages:
    """A trained image network: pictures in [0, 1] in, probabilities out. One thread at a time.

    Parameters
    ----------
    network : PictureNetwork
        In evaluation mode.
    n_genres : int
        Number of outputs.
    shape_in : (int, int)
        Mel bands and columns of a picture.
    began_with : str
        `ImageNet weights` or `from scratch`.
    losses : tuple of float
        Mean training loss of each epoch, in nats: of augmented pictures, against smoothed targets.
    """

    def __init__(
        self,
        network: PictureNetwork,
        *,
        n_genres: int,
        shape_in: tuple[int, int],
        began_with: str,
        losses: tuple[float, ...],
    ) -> None:
        self.network = network
        self.began_with = began_with
        self.losses = losses
        self._n_genres = n_genres
        self._shape_in = shape_in

    @property
    def n_parameters(self) -> int:
        """Weights, biases and the batch norms' scales and shifts."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score pictures.

        Parameters
        ----------
        inputs : ndarray, shape (n, n_mels, n_columns), float32
            In [0, 1], low bands first; n may be 0.

        Returns
        -------
        ndarray, shape (n, n_genres), float32
            Probabilities.
        """
        probabilities = np.empty((len(inputs), self._n_genres), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(inputs), _BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(inputs[start : start + _BATCH]))
                probabilities[start : start + _BATCH] = torch.softmax(self.network(batch), dim=1).numpy()
        return probabilities

    def onnx_bytes(self) -> bytes:
        """Write the model as one ONNX graph: input `images`, output `probabilities`, any number of rows."""
        return write_graph(self.network, shape_in=self._shape_in)
