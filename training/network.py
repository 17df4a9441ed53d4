"""Turns raw feature vectors into genre logits: standardisation and the default multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

HIDDEN_UNITS = (256, 128, 64)
DROPOUT = 0.2
LOG_FLOOR = 1e-10
"""Below the smallest variance of any window that is not digital silence; keeps the logarithm finite."""

_LOG_SUFFIX = "_var"
_LOG_NAMES = ("rms_mean",)


@dataclass(frozen=True, slots=True)
class Standardiser:
    """Maps raw features to about zero mean and unit variance, part of the model and of its exported graph.

    Variances and loudness, which span decades, are taken as logarithms first; afterwards everything is
    clipped, so that one extreme value (silence, a click) cannot decide alone.

    Attributes
    ----------
    is_log : ndarray, shape (width,), bool
        Features that are taken as natural logarithms.
    mean, scale : ndarray, shape (width,), float32
        Of the features after the logarithm, in their unit; `scale` is positive.
    limit : float
        Largest absolute value after standardisation, in standard deviations.
    """

    is_log: NDArray[np.bool_]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: float

    @classmethod
    def fit(cls, features: NDArray[np.float32], *, feature_names: tuple[str, ...], limit: float) -> Self:
        """Measure mean and scale.

        Parameters
        ----------
        features : ndarray, shape (n, width), float32
            Raw features.
        feature_names : tuple of str
            Names of the columns; they say which span decades.
        limit : float
            Largest absolute value after standardisation.
        """
        is_log = np.array([name.endswith(_LOG_SUFFIX) or name in _LOG_NAMES for name in feature_names])
        curved = np.where(is_log, np.log(np.maximum(features, LOG_FLOOR)), features).astype(np.float64)
        mean, deviation = curved.mean(axis=0), curved.std(axis=0)
        # A feature that never changes carries nothing: divided by 1 it stays at 0 and harms nobody.
        scale = np.where(deviation > 0.0, deviation, 1.0)
        return cls(is_log, mean.astype(np.float32), scale.astype(np.float32), limit)

    def __call__(self, features: Tensor) -> Tensor:
        """Standardise.

        Parameters
        ----------
        features : Tensor, shape (n, width), float32
            Raw features.

        Returns
        -------
        Tensor, shape (n, width), float32
            In [-limit, limit].
        """
        is_log = torch.from_numpy(self.is_log)
        curved = torch.where(is_log, features.clamp_min(LOG_FLOOR).log(), features)
        standard = (curved - torch.from_numpy(self.mean)) / torch.from_numpy(self.scale)
        return standard.clamp(-self.limit, self.limit)


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
