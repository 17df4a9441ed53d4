"""Turns a feature table and a recipe into a fitted multilayer perceptron, the same one for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from featurizer.spec import FeatureSpec
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
    on_epoch: Callable[[], None] = lambda: None,
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
        Seeds weights, order, dropout and augmentation.
    on_epoch : callable, optional
        Called after each epoch.
    """
    # A generator of its own would be cleaner, but dropout and weight initialisation draw from torch's only.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        standardiser = Standardiser.fit(table.inputs, spec=spec, limit=recipe.clip)
        network = GenreMlp(width=spec.width, n_genres=len(genres))
        features = torch.from_numpy(table.inputs)
        targets = torch.from_numpy(table.targets(genres))
        weights = torch.from_numpy(table.weights)
        n_steps = math.ceil(len(table) / recipe.batch_size)
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=recipe.epochs * n_steps, pct_start=0.1
        )
        loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing, reduction="none")
        network.train()
        for _ in range(recipe.epochs):
            standard = standardiser(play_at_gain(features, spec=spec, gain_db=_draw_gain(len(table), recipe)))
            for rows in torch.split(torch.randperm(len(table)), recipe.batch_size):
                losses = loss_of(network(standard[rows]), targets[rows])
                loss = (losses * weights[rows]).sum() / weights[rows].sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            on_epoch()
    network.eval()
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
