"""Turns a data folder into a candidate of any kind of model over features: `genrestream-train candidate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input

N_SEEDS = 5


def candidate(
    *,
    model: Annotated[str, typer.Option(help="Kind of model, as in `benchmark`: lightgbm, mlp-dropout ...")],
    data: Annotated[Path, typer.Option(help="Folder with features/ and gtzan_split/, as for `default`.")],
    out: Annotated[
        Path, typer.Option(help="Root of a registry: the artifact becomes OUT/gtzan57-MODEL/VERSION.")
    ],
    version: Annotated[str, typer.Option(help="MAJOR.MINOR.PATCH.")] = "1.0.0",
    seed: Annotated[int, typer.Option(min=0, help="First seed; its model is exported.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Fits under each protocol.")] = N_SEEDS,
    extra_weight: Annotated[
        float, typer.Option(min=0.0, help="Weight of the second collection's windows; GTZAN's weigh 1.")
    ] = 0.3,
    target_error: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of wrong labels that the model abstains to keep.")
    ] = 0.35,
    replace: Annotated[bool, typer.Option("--replace", help="Replace this version if it is there.")] = False,
) -> None:
    """Train a model of any kind over features and write it as an artifact that can be served and promoted.

    Like `default`, it measures the kind under three protocols, calibrates it on folds of artists and writes
    model, manifest, CARD.md and held_out.json, all or nothing. The service does not use it before `promote`
    has let it into the registry.

    Example: genrestream-train candidate --model lightgbm --data ../shared/data --out candidates
    """
    import torch

    from featurizer.spec import GTZAN57
    from modelzoo.registry import CARD_FILE
    from training.candidate import CandidatePlan, train_candidate
    from training.models.catalogue import kinds_for
    from training.models.kind import InputKind
    from training.stages import Stages

    torch.set_num_threads(1)
    console = Console(stderr=True)
    with one_line_for_bad_input(console), Stages(console) as stages:
        (kind,) = kinds_for(frozenset({InputKind.FEATURES}), names=[model])
        plan = CandidatePlan(
            kind=kind,
            about=(f"{kind.title}: {kind.note}",),
            recipe={"model": kind.name, "extra_weight": extra_weight},
            extra_weight=extra_weight,
            data=data,
            out=out,
            name=f"{GTZAN57.name}-{kind.name}",
            version=version,
            command=(
                f"genrestream-train candidate --model {kind.name} --data DATA --out candidates "
                f"--version {version} --seed {seed} --seeds {seeds} --extra-weight {extra_weight:g} "
                f"--target-error {target_error:g} --replace"
            ),
            replace=replace,
            seeds=tuple(range(seed, seed + seeds)),
            target_error=target_error,
        )
        folder = train_candidate(plan, spec=GTZAN57, stages=stages)
    typer.echo(folder / CARD_FILE)
