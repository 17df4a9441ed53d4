"""Turns labelled pictures into a fitted image model, the same one for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from training.models.images.augmenting import masked, shifted_in_time
from training.models.images.balancing import balance
from training.models.images.fitted import FittedImages
from training.models.images.network import IMAGENET_MEAN, IMAGENET_SCALE, PictureNetwork
from training.models.images.plans import ImagePlan
from training.models.images.settling import settle
from training.models.images.weights import imagenet_weights
from training.models.kind import Task
from training.windows import LabelledWindows

_CHUNK: Final = 256
"""Pictures that are made smaller at a time: bounds the memory that this takes."""

_SETTLING_BATCHES: Final = 8
"""Enough for statistics that hold within some percent, at a share of an epoch."""


@dataclass(frozen=True, slots=True)
class ImageFit:
    """Fits one architecture.

    Attributes
    ----------
    plan : ImagePlan
        Its numbers at full effort.
    """

    plan: ImagePlan

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedImages:
        """Fit the architecture; see `training.models.kind.Fit`.

        Raises
        ------
        DataError
            ImageNet weights were to be had and cannot be read.
        """
        plan = self.plan.at(task.effort)
        weights = imagenet_weights(plan.architecture)
        shape_in = (windows.inputs.shape[1], windows.inputs.shape[2])
        # A generator of its own would be cleaner, but weight initialisation and dropout draw from torch's.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mean, scale = _level(windows) if weights is None else (IMAGENET_MEAN, IMAGENET_SCALE)
            network = PictureNetwork(
                plan=plan,
                shape_in=shape_in,
                n_genres=len(task.genres),
                mean=mean,
                scale=scale,
                weights=weights,
            )
            lesson = _shrink(network, windows, genres=task.genres)
            if weights is None:
                balance(network, pictures=lesson.draw(plan.batch_size).pictures)
            rate = plan.learning_rate if weights is None else plan.tuning_rate
            losses = _descend(network, lesson, plan=plan, rate=rate, on_progress=on_progress)
            last = lesson.shuffled(plan.batch_size)[:_SETTLING_BATCHES]
            settle(network, batches=(batch.pictures for batch in last))
        network.eval()
        return FittedImages(
            network,
            n_genres=len(task.genres),
            shape_in=shape_in,
            began_with="from scratch" if weights is None else "ImageNet weights",
            losses=losses,
        )


@dataclass(frozen=True, slots=True)
class _Lesson:
    """Pictures at the plan's size, float32 (n, height, width), with int64 targets and float32 weights."""

    pictures: Tensor
    targets: Tensor
    weights: Tensor

    def rows(self, rows: Tensor) -> _Lesson:
        return _Lesson(self.pictures[rows], self.targets[rows], self.weights[rows])

    def draw(self, n: int) -> _Lesson:
        return self.rows(torch.randperm(len(self.pictures))[:n])

    def shuffled(self, size: int) -> list[_Lesson]:
        """Cut into batches of one size, in random order.

        What is left over waits for the next shuffle: a batch of few pictures would spoil the statistics of
        the batch norms.
        """
        size = min(size, len(self.pictures))
        order = torch.randperm(len(self.pictures))
        return [self.rows(rows) for rows in torch.split(order, size) if len(rows) == size]


def _descend(
    network: PictureNetwork,
    lesson: _Lesson,
    *,
    plan: ImagePlan,
    rate: float,
    on_progress: Callable[[float], None],
) -> tuple[float, ...]:
    n_steps = max(1, len(lesson.pictures) // plan.batch_size)
    total = plan.epochs * n_steps
    groups = network.rates(rate)
    optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=plan.weight_decay, fused=True)
    greatest = [group["lr"] for group in optimiser.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, greatest, total_steps=total, pct_start=0.25)
    loss_of = nn.CrossEntropyLoss(label_smoothing=plan.label_smoothing, reduction="none")
    epoch_losses: list[float] = []
    network.train()
    for epoch in range(plan.epochs):
        step_losses: list[float] = []
        for batch in lesson.shuffled(plan.batch_size):
            logits = network.score(masked(shifted_in_time(batch.pictures), share=plan.masked_share))
            loss = (loss_of(logits, batch.targets) * batch.weights).sum() / batch.weights.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step_losses.append(loss.item())
            on_progress((epoch * n_steps + len(step_losses)) / total)
        epoch_losses.append(sum(step_losses) / n_steps)
    return tuple(epoch_losses)


def _shrink(network: PictureNetwork, windows: LabelledWindows, *, genres: tuple[str, ...]) -> _Lesson:
    """Make all pictures small once, since that is the same each epoch."""
    with torch.no_grad():
        chunks = torch.split(torch.from_numpy(windows.inputs), _CHUNK)
        small = torch.cat([network.resizing(chunk) for chunk in chunks])
    return _Lesson(small, torch.from_numpy(windows.targets(genres)), torch.from_numpy(windows.weights))


def _level(windows: LabelledWindows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, scale = float(windows.inputs.mean()), max(float(windows.inputs.std()), 1e-6)
    return (mean,) * 3, (scale,) * 3
