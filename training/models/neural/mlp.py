"""Turns labelled feature windows and a plan into a fitted multilayer perceptron that can be exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from training.errors import DataError
from training.export import onnx_bytes
from training.fit import fit_mlp
from training.loop import Lesson, learn
from training.models.kind import Effort, Task
from training.models.neural.dropout import ByteDropout
from training.network import FittedMlp, GenreMlp
from training.recipe import Recipe
from training.standardise import Standardiser, spans_decades
from training.windows import LabelledWindows

QUICK_SHARE = 0.05
"""Of a full fit's steps: a look at what a fit will be like, in one to three seconds of one core."""


class Hearing(StrEnum):
    """What is done to raw features before the first layer.

    Attributes
    ----------
    PLAIN
        Each has its mean taken away and is divided by its standard deviation; any features.
    LOGARITHMS
        The same after the logarithm of variances and loudness, where the features have such names.
    DEAF_TO_STORAGE
        What the service's model does (`training.standardise`): logarithms, and no ear for sample rate and
        digitisation. Only the features of `gtzan57`.
    """

    PLAIN = "plain"
    LOGARITHMS = "logarithms"
    DEAF_TO_STORAGE = "deaf to storage"


@dataclass(frozen=True, slots=True)
class ExportableMlp:
    """A fitted network that counts and exports itself, as `FittedModel` asks.

    Attributes
    ----------
    fitted : FittedMlp
        The network with its standardisation.
    losses : tuple of float
        Mean training loss of each epoch, in nats.
    """

    fitted: FittedMlp
    losses: tuple[float, ...] = ()

    @property
    def n_parameters(self) -> int:
        """Weights and biases of the layers."""
        return sum(value.numel() for value in self.fitted.network.parameters())

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score windows, shape (n, width), float32: probabilities, shape (n, n_genres), float32."""
        return self.fitted(inputs)

    def onnx_bytes(self) -> bytes:
        """Write the model as one ONNX graph."""
        return onnx_bytes(self.fitted)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlpFit:
    """Fits a multilayer perceptron to feature windows, in a number of steps that no table's length changes.

    Attributes
    ----------
    recipe : Recipe
        The numbers of the fit; `steps` takes the place of its epochs. It plays windows at other gains only
        where the features are heard deaf to storage.
    steps : int
        Optimiser steps of a full fit.
    hearing : Hearing
        What is done to raw features first.
    """

    recipe: Recipe
    steps: int
    hearing: Hearing = Hearing.PLAIN

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> ExportableMlp:
        """Fit a network.

        Raises
        ------
        DataError
            It is to be deaf to storage, and the features are not those of `gtzan57`.
        """
        share = QUICK_SHARE if task.effort is Effort.QUICK else 1.0
        recipe = self.recipe.lasting(round(share * self.steps), n_rows=len(windows))
        epochs = Epochs(on_progress, recipe.epochs)
        if self.hearing is not Hearing.DEAF_TO_STORAGE:
            fitted = self._fit(windows, task=task, recipe=recipe, seed=seed, on_epoch=epochs)
            return ExportableMlp(fitted, epochs.losses)
        if task.feature_names != GTZAN57.feature_names:
            raise DataError(
                f"this model is made for one set of features, needs={GTZAN57.name} "
                f"given={len(task.feature_names)} features: use mlp or mlp-dropout"
            )
        fitted = fit_mlp(windows, genres=task.genres, spec=GTZAN57, recipe=recipe, seed=seed, on_epoch=epochs)
        return ExportableMlp(fitted, epochs.losses)

    def _fit(
        self,
        windows: LabelledWindows,
        *,
        task: Task,
        recipe: Recipe,
        seed: int,
        on_epoch: Callable[[float], None],
    ) -> FittedMlp:
        width = windows.inputs.shape[1]
        is_log = np.zeros(width, dtype=bool)
        if self.hearing is Hearing.LOGARITHMS and task.feature_names:
            is_log = spans_decades(task.feature_names)
        standardiser = Standardiser.plain(windows.inputs, is_log=is_log, limit=recipe.clip)
        # Dropout and the weights' beginnings draw from torch's global generator only.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = GenreMlp(
                width=width,
                n_genres=len(task.genres),
                hidden_units=recipe.hidden_units,
            )
            network.dropout = ByteDropout(recipe.dropout)
            standard = standardiser(torch.from_numpy(windows.inputs))
            lesson = Lesson(lambda: standard, windows.targets(task.genres), windows.weights, len(task.genres))
            learn(network, lesson=lesson, recipe=recipe, on_epoch=on_epoch)
        return FittedMlp(standardiser, network, task.genres)


class Epochs:
    """Turns the ends of epochs into the share of a fit that is done, and keeps their losses.

    Parameters
    ----------
    on_progress : callable
        Called with the share, in [0, 1].
    n_epochs : int
        Of the whole fit.
    """

    def __init__(self, on_progress: Callable[[float], None], n_epochs: int) -> None:
        self._on_progress, self._n_epochs = on_progress, n_epochs
        self._losses: list[float] = []

    def __call__(self, loss: float) -> None:
        """Take in an epoch's mean loss."""
        self._losses.append(loss)
        self._on_progress(len(self._losses) / self._n_epochs)

    @property
    def losses(self) -> tuple[float, ...]:
        """Mean loss of each epoch so far."""
        return tuple(self._losses)
