"""Turns a data folder into the recipe that suits it best: `genrestream-train search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def search(
    *,
    data: Annotated[Path, typer.Option(help="Folder with features/ and gtzan_split/, as for `default`.")],
    out: Annotated[Path, typer.Option(help="JSON file of results; its journal is written beside it.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of earlier runs counted in.")] = 40,
    timeout_minutes: Annotated[float, typer.Option(min=0.0, help="No trial begins after this.")] = 25.0,
    processes: Annotated[
        int, typer.Option(min=1, help="Each with one thread. One gives the same trials every time.")
    ] = 2,
    members: Annotated[int, typer.Option(min=1, help="Networks a fit; the default model has more.")] = 1,
    folds: Annotated[int, typer.Option(min=2, help="Folds of artists; each is held out once.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seeds the draw of recipes and every fit.")] = 0,
) -> None:
    """Search the numbers of the default model's fit, on folds of training and validation artists.

    Each trial fits the network once a fold and is judged by the log loss of tracks by artists that it has not
    heard; a trial that is worse than the median after a fold is given up. The first trial is the recipe in
    use. The test tracks take no part. A search that was stopped goes on where it was when it is started again
    with the same OUT.

    Example: genrestream-train search --data ../shared/data --trials 40 --out search/search.json
    """
    from featurizer.spec import GTZAN57
    from training import search as stage

    console = Console(stderr=True)

    def show(trial: FrozenTrial, best: float) -> None:
        figure = "given up" if trial.value is None else f"log loss {trial.value:.4f}"
        console.print(
            f"trial {trial.number + 1} of {trials}: {figure}, accuracy {trial.user_attrs['accuracy']:.4f}, "
            f"best log loss {best:.4f}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    plan = stage.SearchPlan(
        data=data,
        out=out,
        n_trials=trials,
        timeout_seconds=60.0 * timeout_minutes,
        n_processes=processes,
        n_folds=folds,
        n_members=members,
        seed=seed,
    )
    with one_line_for_bad_input(console):
        stage.search(plan, spec=GTZAN57, on_trial=show)
    typer.echo(out)
