"""Turns a feature table into a page that shows what is in it: `genrestream-train explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input

PAGE_FILE = "explore.html"


def explore(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV (plain or gzipped) or Parquet: filename as track.window.wav, 57 features, label."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The page to write (.html), or a folder: the page becomes OUT/explore.html.")
    ],
    extra_features: Annotated[
        Path | None,
        typer.Option(help="A second table: shows how its features differ and which tracks both tables have."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="CSV with figures to lay beside ours: feature, and any of mean, sd, min, median, max."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Show what is in a feature table before anything is trained on it.

    Draws class balance, how every feature is spread in each genre, which features say the same, where genres
    lie, what is there twice, and how an extra table differs. The page needs nothing beside it. Takes seconds.

    Example: genrestream-train explore ../shared/data/features/gtzan_3s.csv.gz --out explore.html
    """
    from featurizer.spec import GTZAN57
    from training.explore.compose import compose
    from training.explore.look import N_EXTRA_STEPS, N_STEPS, look_at
    from training.explore.reference import read_reference
    from training.report.page import render_page
    from training.report.write import write_whole
    from training.stages import Stages

    console = Console(stderr=True)
    page = out if out.suffix == ".html" and not out.is_dir() else out / PAGE_FILE
    with one_line_for_bad_input(console), Stages(console) as stages:
        given = None if reference is None else read_reference(reference, names=GTZAN57.feature_names)
        steps = N_STEPS + (N_EXTRA_STEPS if extra_features is not None else 0)
        on_step = stages.begin("looking at the table", n_steps=steps)
        look = look_at(table, extra=extra_features, spec=GTZAN57, on_step=on_step)
        drawn = stages.begin("drawing the page", n_steps=1)
        write_whole({page: render_page(compose(look, reference=given))})
        drawn()
    if as_json:
        typer.echo(look.found.model_dump_json(indent=2))
    else:
        typer.echo(page)
