"""Turns labelled windows, read step by step, into a fitted long short-term memory network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.loop import Lesson, learn
from training.models.kind import Effort, Task
from training.models.neural.lstm_graph import lstm_graph
from training.models.neural.mlp import Epochs
from training.recipe import Recipe
from training.windows import LabelledWindows

_QUICK_SHARE = 0.02
"""Of a full fit's steps: one costs as much as twenty of a perceptron's."""

PLACED_SIZE = 16
"""Numbers a step that a feature becomes."""

_ROWS_AT_ONCE = 1_024
"""Scored at once: the outputs of 130 steps of two directions of 64 units take 70 MB."""


class PlacedValues(nn.Module):
    """Turns features, one value each, into as many steps of a vector that tells which feature it is.

    A step is the value times a vector of the feature's own, plus another one: without them the network has to
    count its steps to know what it is told.

    Parameters
    ----------
    width : int
        Number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_value = nn.Parameter(torch.randn(width, PLACED_SIZE))
        self.of_place = nn.Parameter(0.3 * torch.randn(width, PLACED_SIZE))

    def forward(self, values: Tensor) -> Tensor:
        """Lay out values, shape (n, width), as steps, shape (n, width, PLACED_SIZE)."""
        return values[:, :, None] * self.of_value + self.of_place


class GenreLstm(nn.Module):
    """One LSTM layer in one or two directions, the mean of its outputs beside its last ones, a dense layer.

    Parameters
    ----------
    shape : tuple of int
        Of one row: (width,) is read as `width` steps of one value each (`PlacedValues`), (n_frames, n_values)
        as it is.
    units : int
        Size of the state in each direction.
    directions : int
        1, or 2 to read backwards too.
    n_genres : int
        Number of outputs.
    dropout : float
        Share of the summary that a step of training leaves out.
    """

    def __init__(
        self, *, shape: tuple[int, ...], units: int, directions: int, n_genres: int, dropout: float
    ) -> None:
        super().__init__()
        self.placed = PlacedValues(shape[0]) if len(shape) == 1 else None
        size = PLACED_SIZE if len(shape) == 1 else shape[1]
        self.lstm = nn.LSTM(size, units, batch_first=True, bidirectional=directions == 2)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * directions * units, n_genres)

    def forward(self, standard: Tensor) -> Tensor:
        """Compute logits, shape (n, n_genres), of standardised rows, shape (n, *shape)."""
        states, (last, _) = self.lstm(standard if self.placed is None else self.placed(standard))
        # The last states remember the end best, the mean hears every step alike.
        summary = torch.cat([states.mean(dim=1), *last], dim=1)
        logits: Tensor = self.output(self.dropout(summary))
        return logits


@dataclass(frozen=True, slots=True)
class FittedLstm:
    """A fitted network with its standardisation: raw inputs in, probabilities out.

    Attributes
    ----------
    shape : tuple of int
        Of one row of inputs, as in `GenreLstm`.
    mean, scale : ndarray, shape (shape[-1],), float32
        What is taken from a row, and what it is divided by then; `scale` is positive.
    limit : float
        Largest absolute value after standardisation, in standard deviations.
    network : GenreLstm
        In evaluation mode.
    genres : tuple of str
        One genre an output.
    losses : tuple of float
        Mean training loss of each epoch, in nats.
    """

    shape: tuple[int, ...]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: float
    network: GenreLstm
    genres: tuple[str, ...]
    losses: tuple[float, ...] = ()

    @property
    def n_parameters(self) -> int:
        """Weights and biases of the layers."""
        return sum(value.numel() for value in self.network.parameters())

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, shape (n, *shape), float32: probabilities, shape (n, n_genres), float32."""
        parts = [np.zeros((0, len(self.genres)), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(inputs), _ROWS_AT_ONCE):
                logits = self.network(self.standardise(inputs[start : start + _ROWS_AT_ONCE]))
                parts.append(torch.softmax(logits, dim=1).numpy())
        return np.concatenate(parts)

    def standardise(self, inputs: NDArray[np.float32]) -> Tensor:
        """Bring rows, shape (n, *shape), to about zero mean and unit variance, within the limit."""
        standard = np.clip((inputs - self.mean) / self.scale, -self.limit, self.limit)
        return torch.from_numpy(np.ascontiguousarray(standard, dtype=np.float32))

    def onnx_bytes(self) -> bytes:
        """Write the model as one ONNX graph."""
        return lstm_graph(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmFit:
    """Fits an LSTM to feature windows or to series, in a number of steps that no table's length changes.

    Attributes
    ----------
    recipe : Recipe
        The numbers of the fit; `steps` takes the place of its epochs.
    steps : int
        Optimiser steps of a full fit.
    units, directions : int
        As in `GenreLstm`.
    """

    recipe: Recipe
    steps: int
    units: int
    directions: int

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedLstm:
        """Fit a network."""
        share = _QUICK_SHARE if task.effort is Effort.QUICK else 1.0
        recipe = self.recipe.lasting(round(share * self.steps), n_rows=len(windows))
        shape = windows.inputs.shape[1:]
        # A series' frames are alike: one mean a coefficient. Features are not: one a feature.
        axes = 0 if len(shape) == 1 else (0, 1)
        mean = windows.inputs.mean(axis=axes, dtype=np.float64)
        deviation = windows.inputs.std(axis=axes, dtype=np.float64)
        # A value that never changes (but for rounding) carries nothing: divided by 1 it stays at about 0.
        scale = np.where(deviation > 1e-6 * np.abs(mean), deviation, 1.0)
        # Dropout and the weights' beginnings draw from torch's global generator only.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = GenreLstm(
                shape=shape,
                units=self.units,
                directions=self.directions,
                n_genres=len(task.genres),
                dropout=recipe.dropout,
            )
            fitted = FittedLstm(
                shape, mean.astype(np.float32), scale.astype(np.float32), recipe.clip, network, task.genres
            )
            rows = fitted.standardise(windows.inputs)
            lesson = Lesson(lambda: rows, windows.targets(task.genres), windows.weights, len(task.genres))
            epochs = Epochs(on_progress, recipe.epochs)
            learn(network, lesson=lesson, recipe=recipe, on_epoch=epochs)
        return replace(fitted, losses=epochs.losses)
