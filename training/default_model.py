"""Turns a data folder into the default model's plan: a committee of small perceptrons and its recipe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from featurizer.spec import GTZAN57
from modelzoo.registry import DEFAULT_MODEL
from training.candidate import CandidatePlan
from training.committee import committee_kind
from training.recipe import Recipe

N_MEMBERS = 3
"""Each member more helps less, and every fit costs as much more."""

DEFAULT_RECIPE = Recipe(
    epochs=9,
    batch_size=256,
    learning_rate=8e-4,
    weight_decay=2e-3,
    label_smoothing=0.056,
    gain_db=6.0,
    extra_weight=0.164,
    clip=4.4,
    mixup_alpha=0.1,
    class_balance=0.88,
    dropout=0.062,
)
"""The best of a search on folds of training and validation artists, but for `gain_db`, which was 4.1 there:
tracks of two collections cannot show what uploads of any loudness need, so it stays at 6."""


def default_plan(
    data: Path, *, out: Path, version: str, recipe: Recipe, seeds: tuple[int, ...], target_error: float
) -> CandidatePlan:
    """Plan the default model.

    Parameters
    ----------
    data, out : Path
        Folder of the data; root of the registry that the artifact is written into.
    version : str
        Of the artifact.
    recipe : Recipe
        The numbers of every fit.
    seeds : tuple of int
        One committee each under every protocol; the first one's is exported.
    target_error : float
        Largest share of wrong labels among the labelled that the threshold is chosen for.
    """
    sizes = "-".join(str(size) for size in (GTZAN57.width, *recipe.hidden_units))
    return CandidatePlan(
        kind=committee_kind(recipe, n_members=N_MEMBERS),
        about=(
            f"The mean of {N_MEMBERS} multilayer perceptrons, each {sizes} units and one a genre, with ReLU "
            f"and dropout {recipe.dropout:g}, fitted side by side to the same windows from other weights "
            f"and in another order: together one network of block-diagonal layers over the {GTZAN57.width} "
            f"features of `{GTZAN57.name}`, in one graph.",
            "It is made deaf to what tells of a recording's storage and not of its music: the offset of its "
            "samples (`harmony_mean` and `perceptr_mean` are not used), the top two mel bands (lost when "
            "audio of a higher rate is brought down to 22,050 Hz) and, by training at gains of "
            f"±{recipe.gain_db:g} dB, loudness.",
        ),
        recipe={"members": N_MEMBERS, **_numbers(recipe)},
        extra_weight=recipe.extra_weight,
        data=data,
        out=out,
        name=DEFAULT_MODEL,
        version=version,
        command=(
            f"genrestream-train default --data DATA --out modelzoo/artifacts --version {version} "
            f"--seed {seeds[0]} --epochs {recipe.epochs} --target-error {target_error:g} --replace"
        ),
        seeds=seeds,
        target_error=target_error,
    )


def _numbers(recipe: Recipe) -> dict[str, str | float]:
    return {
        name: "-".join(str(size) for size in value) if isinstance(value, tuple) else value
        for name, value in asdict(recipe).items()
    }
