"""Turns the default model's ingredients into steps that are measured one by one, and scores into figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.evaluate import TrackScores
from training.gains import Votes, ensemble, gain, geometric_votes, votes
from training.models.kind import Fit, FittedModel, InputKind, ModelKind, Task
from training.models.neural.mlp import Hearing, MlpFit
from training.recipe import Recipe
from training.report.figures import Step
from training.sides import EXTRA_COLLECTION
from training.windows import LabelledWindows

N_STEPS = 800
"""Optimiser steps of a step's fit: on artists that were not heard, longer fits are no better."""

_BARE = Recipe(label_smoothing=0.0, gain_db=0.0)
_SMOOTH = replace(_BARE, label_smoothing=0.1)
_LOUD = replace(_SMOOTH, gain_db=6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One change to the multilayer perceptron over the features of `gtzan57`.

    Attributes
    ----------
    name, title, what : str
        Name as in the report; title; one sentence.
    base : str or None
        Name of the step that it changes; None for the first.
    kind : ModelKind
        What is fitted under `validation`.
    extra : bool
        Whether the extra table joins the training side.
    """

    name: str
    title: str
    what: str
    base: str | None
    kind: ModelKind
    extra: bool = False


@dataclass(frozen=True, slots=True)
class WeighingExtra:
    """Fits after giving each window of the extra table one weight, where an own window counts 1.

    Attributes
    ----------
    fit : Fit
        Fits.
    weight : float
        Positive.
    """

    fit: Fit
    weight: float

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedModel:
        """Weigh and fit."""
        is_extra = np.char.startswith(windows.tracks, EXTRA_COLLECTION)
        weights = np.where(is_extra, self.weight, 1.0).astype(np.float32)
        weighed = LabelledWindows(windows.inputs, windows.genres, windows.tracks, weights)
        return self.fit(weighed, task=task, seed=seed, on_progress=on_progress)


def _kind(name: str, recipe: Recipe, hearing: Hearing, *, extra_weight: float = 1.0) -> ModelKind:
    return ModelKind(
        name=f"step-{name}",
        title=name,
        input=InputKind.FEATURES,
        fit=WeighingExtra(MlpFit(recipe=recipe, steps=N_STEPS, hearing=hearing), extra_weight),
        note=f"a step of the default model's; {N_STEPS} steps of {recipe.batch_size} windows",
        by_default=False,
    )


STEPS: Final[tuple[StepPlan, ...]] = (
    StepPlan(
        name="plain",
        title="MLP with dropout",
        what="57 features as they are, standardised; GTZAN alone.",
        base=None,
        kind=_kind("plain", _BARE, Hearing.PLAIN),
    ),
    StepPlan(
        name="log-variances",
        title="Log variances",
        what="Variances and loudness, which span decades, as logarithms.",
        base="plain",
        kind=_kind("log-variances", _BARE, Hearing.LOGARITHMS),
    ),
    StepPlan(
        name="label-smoothing",
        title="Label smoothing",
        what="A tenth of each target is spread over all genres.",
        base="log-variances",
        kind=_kind("label-smoothing", _SMOOTH, Hearing.LOGARITHMS),
    ),
    StepPlan(
        name="mixup",
        title="Mixup",
        what="Windows are mixed in pairs, by shares from Beta(0.2, 0.2).",
        base="label-smoothing",
        kind=_kind("mixup", replace(_SMOOTH, mixup_alpha=0.2), Hearing.LOGARITHMS),
    ),
    StepPlan(
        name="class-weights",
        title="Class weights",
        what="Every genre counts the same, whatever its number of windows.",
        base="label-smoothing",
        kind=_kind("class-weights", replace(_SMOOTH, class_balance=1.0), Hearing.LOGARITHMS),
    ),
    StepPlan(
        name="deaf-to-storage",
        title="Deafness to storage",
        what="What sample rate and digitisation change in the features is taken out of them.",
        base="label-smoothing",
        kind=_kind("deaf-to-storage", _SMOOTH, Hearing.DEAF_TO_STORAGE),
    ),
    StepPlan(
        name="gain",
        title="Gain augmentation",
        what="Each window is played up to 6 dB louder or softer, anew each epoch.",
        base="deaf-to-storage",
        kind=_kind("gain", _LOUD, Hearing.DEAF_TO_STORAGE),
    ),
    StepPlan(
        name="extra-table",
        title="Extra table",
        what="The second collection's windows join the training side and count as much as GTZAN's.",
        base="gain",
        kind=_kind("extra-table", _LOUD, Hearing.DEAF_TO_STORAGE),
        extra=True,
    ),
    StepPlan(
        name="extra-weight",
        title="Extra table, weighed",
        what="A window of the second collection counts 0.3.",
        base="extra-table",
        kind=_kind("extra-weight", _LOUD, Hearing.DEAF_TO_STORAGE, extra_weight=0.3),
        extra=True,
    ),
)
"""In the order of the report. They need the features of `gtzan57`; those with `extra` need an extra table."""


@dataclass(frozen=True, slots=True)
class _Derived:
    """A step that needs no fit of its own: it does another thing with its base's scores."""

    name: str
    title: str
    what: str
    derive: Callable[[Sequence[TrackScores]], Votes]


_DERIVED: Final = (
    _Derived(
        "log-pooling",
        "Pooling of logarithms",
        "A track's windows vote by the mean of their log probabilities, not of their probabilities.",
        geometric_votes,
    ),
    _Derived(
        "ensemble",
        "Ensemble of all seeds",
        "The probabilities of all seeds' networks are averaged.",
        ensemble,
    ),
)

_OF_TRACKS: Final = "Mean and spread of the features over a track's windows, scored once a track."


def step_figures(scores: Mapping[str, Sequence[TrackScores]], *, seed: int) -> tuple[Step, ...]:
    """Say what each step gave over its base.

    Parameters
    ----------
    scores : Mapping of str to sequence of TrackScores
        By a step's name: one a seed, of the validation tracks. Steps that were not measured are left out.
        Under any other name the scores of a model of whole tracks (`InputKind.TRACK`), which pools before it
        scores: it is compared with the last step that was measured.
    seed : int
        Seeds the bootstrap.

    Returns
    -------
    tuple of Step
        Those of `STEPS`, then what pooling and ensembling make of the last of them, then the other models.

    Raises
    ------
    ValueError
        Two scores are not of the same tracks.
    """
    known = {name: votes(seeds) for name, seeds in scores.items()}
    planned = [plan for plan in STEPS if plan.name in scores]
    figures = [
        _figure(known, name=plan.name, title=plan.title, what=plan.what, base=plan.base, seed=seed)
        for plan in planned
    ]
    last = planned[-1].name if planned else None
    if last is not None:
        for derived in _DERIVED:
            known[derived.name] = derived.derive(scores[last])
            figures.append(
                _figure(
                    known, name=derived.name, title=derived.title, what=derived.what, base=last, seed=seed
                )
            )
    others = [name for name in scores if name not in {plan.name for plan in STEPS}]
    figures.extend(
        _figure(known, name=name, title=name, what=_OF_TRACKS, base=last, seed=seed) for name in others
    )
    return tuple(figures)


def _figure(
    known: Mapping[str, Votes], *, name: str, title: str, what: str, base: str | None, seed: int
) -> Step:
    changed = known[name]
    given, interval = (
        gain(changed, base=known[base], seed=seed) if base is not None and base in known else (None, None)
    )
    return Step(
        name=name,
        title=title,
        what=what,
        base=base,
        track_accuracy=changed.accuracy,
        log_loss=changed.log_loss,
        gain=given,
        gain_interval=interval,
    )
