"""Turns a feature table and a recipe into a committee: perceptrons fitted side by side, whose mean counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featurizer.spec import GTZAN57
from training.errors import DataError
from training.export import committee_bytes
from training.fit import play_at_gain
from training.loop import Lesson, balanced
from training.models.kind import Effort, InputKind, ModelKind, Task
from training.recipe import Recipe
from training.standardise import Standardiser
from training.windows import LabelledWindows

_QUICK_EPOCHS = 2
_ROWS_AT_ONCE = 4_096
"""Scored at once: the widest layer of five members takes 20 MB."""


@dataclass(frozen=True, slots=True)
class FittedCommittee:
    """Fitted networks with their common standardisation: raw features in, mean probabilities out.

    Together they are one network of block-diagonal layers, and are exported as one.

    Attributes
    ----------
    standardiser : Standardiser
        What happens to raw features first.
    weights : tuple of Tensor, each of shape (n_members, n_in, n_out), float32
        Of the layers from input to output.
    biases : tuple of Tensor, each of shape (n_members, 1, n_out), float32
        Of the same layers.
    """

    standardiser: Standardiser
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @property
    def n_members(self) -> int:
        """Number of networks."""
        return len(self.weights[0])

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all members."""
        return sum(value.numel() for value in (*self.weights, *self.biases))

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score windows, shape (n, width), float32: probabilities, shape (n, n_genres), float32."""
        parts = [np.zeros((0, self.weights[-1].shape[2]), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(inputs), _ROWS_AT_ONCE):
                rows = torch.from_numpy(np.ascontiguousarray(inputs[start : start + _ROWS_AT_ONCE]))
                standard = self.standardiser(rows).expand(self.n_members, -1, -1)
                logits = _logits(standard, self.weights, self.biases, drop=lambda hidden: hidden)
                parts.append(torch.softmax(logits, dim=2).mean(dim=0).numpy())
        return np.concatenate(parts)

    def onnx_bytes(self) -> bytes:
        """Write the model as one ONNX graph."""
        return committee_bytes(
            self.standardiser,
            weights=[value.detach().numpy() for value in self.weights],
            biases=[value.detach().numpy() for value in self.biases],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeFit:
    """Fits a committee of perceptrons that are deaf to storage, to the features of `gtzan57`.

    Members differ by their first weights, the order of their windows and what dropout leaves out. All take
    each step together: one of five networks costs a quarter of what it costs by itself, since steps of a
    network so small are mostly overhead.

    Attributes
    ----------
    recipe : Recipe
        The numbers of the fit, the same for every member.
    n_members : int
        Number of networks, at least 1.
    """

    recipe: Recipe
    n_members: int

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedCommittee:
        """Fit a committee; the result depends on nothing but the arguments, at one thread.

        Raises
        ------
        DataError
            The features are not those of `gtzan57`.
        """
        if task.feature_names != GTZAN57.feature_names:
            raise DataError(
                f"the committee is made for one set of features, needs={GTZAN57.name} "
                f"given={len(task.feature_names)} features"
            )
        standardiser = Standardiser.fit(windows.inputs, spec=GTZAN57, limit=self.recipe.clip)
        lesson = _Lessons(windows, task=task, recipe=self.recipe, standardiser=standardiser, seed=seed)
        sizes = (windows.inputs.shape[1], *self.recipe.hidden_units, len(task.genres))
        parameters = [
            lesson.first_weights(n_members=self.n_members, n_in=n_in, shape=(rows, n_out))
            for n_in, n_out in pairwise(sizes)
            for rows in (n_in, 1)
        ]
        epochs = self.recipe.epochs if task.effort is Effort.FULL else _QUICK_EPOCHS
        n_steps = epochs * math.ceil(len(windows) / self.recipe.batch_size)
        optimiser = torch.optim.AdamW(
            parameters, lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.recipe.learning_rate, total_steps=n_steps, pct_start=0.1
        )
        for epoch in range(epochs):
            standard = lesson.hear()
            for rows in torch.split(lesson.orders(self.n_members), self.recipe.batch_size, dim=1):
                loss = lesson.loss(standard, rows=rows, parameters=parameters)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                schedule.step()
            on_progress((epoch + 1) / epochs)
        fitted = [value.detach() for value in parameters]
        return FittedCommittee(standardiser, tuple(fitted[::2]), tuple(fitted[1::2]))


def committee_kind(recipe: Recipe, *, n_members: int) -> ModelKind:
    """Describe committees of one recipe and size as a kind of model."""
    sizes = "-".join(str(size) for size in recipe.hidden_units)
    return ModelKind(
        name="committee",
        title=f"Mean of {n_members} MLPs, deaf to storage",
        input=InputKind.FEATURES,
        fit=CommitteeFit(recipe=recipe, n_members=n_members),
        note=f"{n_members} networks of {sizes} units, {recipe.epochs} epochs",
    )


class _Lessons:
    # Holds the table and every source of chance of one fit.

    def __init__(
        self,
        windows: LabelledWindows,
        *,
        task: Task,
        recipe: Recipe,
        standardiser: Standardiser,
        seed: int,
    ) -> None:
        targets, n_genres = windows.targets(task.genres), len(task.genres)
        lesson = Lesson(self.hear, targets, windows.weights, n_genres)
        smoothing = recipe.label_smoothing
        smoothed = (1.0 - smoothing) * np.eye(n_genres, dtype=np.float32)[targets] + smoothing / n_genres
        self._targets = torch.from_numpy(smoothed)
        self._weights = torch.from_numpy(balanced(lesson, strength=recipe.class_balance))
        self._features = torch.from_numpy(windows.inputs)
        self._standardiser, self._recipe = standardiser, recipe
        self._chance = torch.Generator().manual_seed(seed)
        # Dropout draws a hundred thousand times a step and member: numpy's bytes are a tenth of the work.
        self._bytes = np.random.default_rng(seed)

    def first_weights(self, *, n_members: int, n_in: int, shape: tuple[int, int]) -> Tensor:
        # Uniform within one over the root of the inputs, as torch begins its own dense layers.
        drawn = torch.rand((n_members, *shape), generator=self._chance) * 2.0 - 1.0
        return (drawn / math.sqrt(n_in)).requires_grad_()

    def orders(self, n_members: int) -> Tensor:
        n_rows = len(self._features)
        return torch.stack([torch.randperm(n_rows, generator=self._chance) for _ in range(n_members)])

    def hear(self) -> Tensor:
        gain_db = (torch.rand(len(self._features), generator=self._chance) * 2.0 - 1.0) * self._recipe.gain_db
        return self._standardiser(play_at_gain(self._features, spec=GTZAN57, gain_db=gain_db))

    def loss(self, standard: Tensor, *, rows: Tensor, parameters: list[Tensor]) -> Tensor:
        inputs, targets, weights = standard[rows], self._targets[rows], self._weights[rows]
        if self._recipe.mixup_alpha:
            alpha = self._recipe.mixup_alpha
            share = torch.from_numpy(self._bytes.beta(alpha, alpha, size=(len(rows), 1)).astype(np.float32))
            other = torch.randperm(rows.shape[1], generator=self._chance)
            inputs = share[..., None] * inputs + (1.0 - share[..., None]) * inputs[:, other]
            mine, theirs = share * weights, (1.0 - share) * weights[:, other]
            weights = mine + theirs
            targets = (mine[..., None] * targets + theirs[..., None] * targets[:, other]) / weights[..., None]
        logits = _logits(inputs, parameters[::2], parameters[1::2], drop=self._drop)
        losses = -(targets * torch.log_softmax(logits, dim=2)).sum(dim=2)
        # The sum over members: each one's gradient is what it would be if it were fitted by itself.
        return ((losses * weights).sum(dim=1) / weights.sum(dim=1)).sum()

    def _drop(self, hidden: Tensor) -> Tensor:
        share = self._recipe.dropout
        if not share:
            return hidden
        drawn = np.frombuffer(self._bytes.bytes(hidden.numel()), dtype=np.uint8)
        kept = (drawn >= round(256 * share)).astype(np.float32) / np.float32(1.0 - share)
        return hidden * torch.from_numpy(kept).view_as(hidden)


def _logits(
    standard: Tensor,
    weights: list[Tensor] | tuple[Tensor, ...],
    biases: list[Tensor] | tuple[Tensor, ...],
    *,
    drop: Callable[[Tensor], Tensor],
) -> Tensor:
    hidden = standard
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        hidden = drop(torch.relu(torch.baddbmm(bias, hidden, weight)))
    return torch.baddbmm(biases[-1], hidden, weights[-1])
