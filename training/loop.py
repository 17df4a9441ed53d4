"""Turns a network's first weights into fitted ones: the one training loop of every neural model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is to learn.

    Attributes
    ----------
    inputs : callable
        Gives all rows as the network takes them, a Tensor of shape (n, ...), float32; called once an epoch,
        so that it may augment them anew.
    targets : ndarray, shape (n,), int64, or shape (n, n_genres), float32
        The genres' places, or a probability for each genre, each row summing to 1.
    weights : ndarray, shape (n,), float32
        How much each row counts, positive.
    n_genres : int
        Number of genres.
    """

    inputs: Callable[[], Tensor]
    targets: NDArray[np.int64] | NDArray[np.float32]
    weights: NDArray[np.float32]
    n_genres: int


def learn(network: nn.Module, *, lesson: Lesson, recipe: Recipe, on_epoch: Callable[[float], None]) -> None:
    """Fit a network by AdamW under a one-cycle schedule, and leave it in evaluation mode.

    Draws from torch's global generator, which the caller has seeded: dropout knows no other.

    Parameters
    ----------
    network : Module
        Maps a batch of rows to logits, shape (batch, n_genres). Changed in place.
    lesson : Lesson
        Rows, targets and weights.
    recipe : Recipe
        Epochs, batch size, learning rate, weight decay, label smoothing, mixup and class balance. The
        schedule is that of Smith and Topin, "Super-convergence", 2018, as in torch's `OneCycleLR`.
    on_epoch : callable
        Called after each epoch with its mean loss in nats: of rows as they were augmented and mixed, against
        targets as they were smoothed.
    """
    targets = torch.from_numpy(lesson.targets)
    weights = torch.from_numpy(balanced(lesson, strength=recipe.class_balance))
    n_rows = len(weights)
    steps = recipe.epochs * math.ceil(n_rows / recipe.batch_size)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=steps, pct_start=0.1
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing, reduction="none")
    mixing = torch.distributions.Beta(recipe.mixup_alpha, recipe.mixup_alpha) if recipe.mixup_alpha else None
    network.train()
    for _ in range(recipe.epochs):
        inputs, epoch_loss = lesson.inputs(), 0.0
        for rows in torch.split(torch.randperm(n_rows), recipe.batch_size):
            if mixing is None:
                losses = loss_of(network(inputs[rows]), targets[rows])
                loss = (losses * weights[rows]).sum() / weights[rows].sum()
            else:
                share, others = mixing.sample(), rows[torch.randperm(len(rows))]
                logits = network(share * inputs[rows] + (1.0 - share) * inputs[others])
                mixed = share * weights[rows], (1.0 - share) * weights[others]
                losses = mixed[0] * loss_of(logits, targets[rows]) + mixed[1] * loss_of(
                    logits, targets[others]
                )
                loss = losses.sum() / (mixed[0] + mixed[1]).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            epoch_loss += loss.item() * len(rows) / n_rows
        on_epoch(epoch_loss)
    network.eval()


def balanced(lesson: Lesson, *, strength: float) -> NDArray[np.float32]:
    """Multiply rows' weights by a power of their genre's inverse frequency.

    Parameters
    ----------
    lesson : Lesson
        Gives targets and weights.
    strength : float
        0 leaves the weights as they are; 1 gives every genre the same sum.

    Returns
    -------
    ndarray, shape (n,), float32
        Their sum stays as it was, but for rounding.
    """
    if not strength:
        return lesson.weights
    shares = lesson.targets if lesson.targets.ndim == 2 else np.eye(lesson.n_genres)[lesson.targets]
    sums = lesson.weights.astype(np.float64) @ shares
    # A genre without a row has no weight to change.
    factors = np.where(sums > 0.0, np.maximum(sums, 1e-300) ** -strength, 0.0)
    moved = lesson.weights * (shares @ factors)
    balanced_weights: NDArray[np.float32] = (moved * lesson.weights.sum() / moved.sum()).astype(np.float32)
    return balanced_weights
