"""Turns standardised features into genre logits: the default multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.standardise import Standardiser

HIDDEN_UNITS = (256, 128, 64)
DROPOUT = 0.2


class GenreMlp(nn.Module):
    """Dense 256-128-64-n_genres with ReLU and dropout 0.2 after each hidden layer.

    Parameters
    ----------
    width : int
        Number of features.
    n_genres : int
        Number of outputs.
    """

    def __init__(self, *, width: int, n_genres: int) -> None:
        super().__init__()
        sizes = (width, *HIDDEN_UNITS)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], n_genres)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, standard: Tensor) -> Tensor:
        """Compute logits, shape (n, n_genres), of standardised features, shape (n, width)."""
        for layer in self.hidden:
            standard = self.dropout(torch.relu(layer(standard)))
        logits: Tensor = self.output(standard)
        return logits

    def layers(self) -> list[nn.Linear]:
        """List the dense layers from input to output."""
        return [*(layer for layer in self.hidden if isinstance(layer, nn.Linear)), self.output]


@dataclass(frozen=True, slots=True)
class FittedMlp:
    """A trained network with its standardisation: raw features in, probabilities out.

    Attributes
    ----------
    standardiser : Standardiser
        What happens to raw features first.
    network : GenreMlp
        In evaluation mode.
    genres : tuple of str
        One genre an output.
    """

    standardiser: Standardiser
    network: GenreMlp
    genres: tuple[str, ...]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score windows.

        Parameters
        ----------
        features : ndarray, shape (n, width), float32
            Raw features.

        Returns
        -------
        ndarray, shape (n, n_genres), float32
            Probabilities.
        """
        with torch.inference_mode():
            logits = self.network(self.standardiser(torch.from_numpy(np.ascontiguousarray(features))))
            probabilities: NDArray[np.float32] = torch.softmax(logits, dim=1).numpy()
        return probabilities
