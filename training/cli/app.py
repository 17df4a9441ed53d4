"""Turns the subcommands into one `genrestream-train`; each imports what is heavy when it runs."""

from __future__ import annotations

import typer

from training.cli.benchmark import benchmark
from training.cli.candidate import candidate
from training.cli.default import default
from training.cli.explore import explore
from training.cli.featurize import featurize
from training.cli.promote import promote
from training.cli.richer import richer
from training.cli.search import search

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _root() -> None:
    """Train, measure and export the models that genrestream labels music with."""


app.command()(candidate)
app.command()(benchmark)
app.command()(default)
app.command()(explore)
app.command()(featurize)
app.command()(promote)
app.command()(richer)
app.command()(search)


def main() -> None:
    """Run `genrestream-train`."""
    app()
