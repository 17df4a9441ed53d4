"""Turns a feature table and a recipe into a fitted multilayer perceptron, the same one for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featurizer.spec import FeatureSpec
from training.loop import Lesson, learn
from training.network import FittedMlp, GenreMlp
from training.recipe import Recipe
from training.standardise import Standardiser
from training.windows import LabelledWindows

_GAIN_POWERS = {
    "rms_mean": 1,
    "rms_var": 2,
    "harmony_mean": 1,
    "harmony_var": 2,
    "perceptr_mean": 1,
    "perceptr_var": 2,
}
"""How a feature grows with the samples' gain. All others but `mfcc1_mean` do not depend on it."""


def fit_mlp(
    table: LabelledWindows,
    *,
    genres: tuple[str, ...],
    spec: FeatureSpec,
    recipe: Recipe,
    seed: int,
    on_epoch: Callable[[float], None] = lambda _: None,
    targets: NDArray[np.float32] | None = None,
) -> FittedMlp:
    """Fit a network.

    The result depends on nothing but the arguments, on one machine and at one number of threads.

    Parameters
    ----------
    table : LabelledWindows
        Labelled windows.
    genres : tuple of str
        The outputs, in order.
    spec : FeatureSpec
        Names the table's columns.
    recipe : Recipe
        The numbers of the fit.
    seed : int
        Seeds weights, order, dropout, mixing and augmentation.
    on_epoch : callable, optional
        Called after each epoch.
    targets : ndarray, shape (n, n_genres), float32, optional
        Probabilities that take the place of the table's labels, each row summing to 1: another model's, to
        distil it. Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
    """
    # A generator of its own would be cleaner, but dropout and weight initialisation draw from torch's only.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        standardiser = Standardiser.fit(table.inputs, spec=spec, limit=recipe.clip)
        network = GenreMlp(
            width=spec.width,
            n_genres=len(genres),
            hidden_units=recipe.hidden_units,
            dropout=recipe.dropout,
        )
        features = torch.from_numpy(table.inputs)

        def played() -> Tensor:
            gain_db = _draw_gain(len(table), recipe)
            return standardiser(play_at_gain(features, spec=spec, gain_db=gain_db))

        taught = table.targets(genres) if targets is None else targets
        lesson = Lesson(played, taught, table.weights, len(genres))
        learn(network, lesson=lesson, recipe=recipe, on_epoch=on_epoch)
    return FittedMlp(standardiser, network, genres)


def play_at_gain(features: Tensor, *, spec: FeatureSpec, gain_db: Tensor) -> Tensor:
    """Compute the features that windows would have if their samples were multiplied by a gain.

    Exact but for clipping and for levels at librosa's floors: amplitudes scale, energies scale by the square,
    and the first cepstral coefficient (the mean of the mel bands in decibels times the square root of their
    number) shifts.

    Parameters
    ----------
    features : Tensor, shape (n, width), float32
        Raw features.
    spec : FeatureSpec
        Names the columns; gives the number of mel bands.
    gain_db : Tensor, shape (n,), float32
        In decibels.

    Returns
    -------
    Tensor, shape (n, width), float32
        A new tensor.
    """
    louder = features.clone()
    amplitude = 10.0 ** (gain_db / 20.0)
    for name, power in _GAIN_POWERS.items():
        louder[:, spec.feature_names.index(name)] *= amplitude**power
    louder[:, spec.feature_names.index("mfcc1_mean")] += gain_db * math.sqrt(spec.n_mels)
    return louder


def _draw_gain(n: int, recipe: Recipe) -> Tensor:
    return (torch.rand(n) * 2.0 - 1.0) * recipe.gain_db
