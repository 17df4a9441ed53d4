"""Turns a feature table and a recipe into a fitted multilayer perceptron, the same one for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from featurizer.spec import FeatureSpec
from training.feature_table import FeatureTable
from training.network import FittedMlp, GenreMlp
from training.standardise import Standardiser

_GAIN_POWERS = {
    "rms_mean": 1,
    "rms_var": 2,
    "harmony_mean": 1,
    "harmony_var": 2,
    "perceptr_mean": 1,
    "perceptr_var": 2,
}
"""How a feature grows with the samples' gain. All others but `mfcc1_mean` do not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The numbers of a fit, chosen on training and validation artists only.

    Attributes
    ----------
    epochs : int
        Passes over the table.
    batch_size : int
        Windows a step.
    learning_rate : float
        Its greatest value; it rises over the first tenth of the steps and falls as a cosine.
    weight_decay : float
        Of AdamW.
    label_smoothing : float
        Share of each target spread evenly over the genres, in [0, 1).
    gain_db : float
        Each window is played louder or softer by up to this many decibels, drawn anew each epoch: uploads are
        mastered to any loudness, and loudness says more about a collection than about a genre.
    extra_weight : float
        How much a window of the second collection counts, where GTZAN's count 1: it sounds different, and its
        labels follow other habits.
    clip : float
        Limit of standardised features, in standard deviations.
    """

    epochs: int = 15
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    gain_db: float = 6.0
    extra_weight: float = 0.3
    clip: float = 5.0


def fit_mlp(
    table: FeatureTable,
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
    table : FeatureTable
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
        standardiser = Standardiser.fit(table.features, spec=spec, limit=recipe.clip)
        network = GenreMlp(width=spec.width, n_genres=len(genres))
        features = torch.from_numpy(table.features)
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
