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
    """Dense layers with ReLU and dropout after each hidden one: 256-128-64-n_genres and 0.2 unless told.

    Parameters
    ----------
    width : int
        Number of features.
    n_genres : int
        Number of outputs.
    hidden_units : tuple of int, optional
        Units of each hidden layer, first to last.
    dropout : float, optional
        Share of each hidden layer's units that a step of training leaves out, in [0, 1).
    """

    def __init__(
        self,
        *,
        width: int,
        n_genres: int,
        hidden_units: tuple[int, ...] = HIDDEN_UNITS,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        sizes = (width, *hidden_units)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], n_genres)
        self.dropout: nn.Module = nn.Dropout(dropout)

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
