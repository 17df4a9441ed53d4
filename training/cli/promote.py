"""Turns a candidate into the registry's latest model if it does not lose: `genrestream-train promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from modelzoo.registry import PACKAGED

if TYPE_CHECKING:
    from training.compare import Comparison


def promote(
    candidate: Annotated[
        Path,
        typer.Argument(help="Folder of one version: model.onnx, manifest.json, held_out.json and CARD.md."),
    ],
    registry: Annotated[
        Path, typer.Option(help="Root of the registry.", show_default="the packaged models")
    ] = PACKAGED,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and change nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON instead of a table.")
    ] = False,
) -> None:
    """Make a candidate the latest model, but only if it does not lose against the one that is.

    Both are compared on the training and validation tracks, each scored by a model that had not heard its
    artist (held_out.json): never on the test. Whole artists are drawn 5,000 times with replacement. The
    candidate does not lose if, with 95% certainty each, its accuracy is less than 0.02 lower and its log loss
    less than 0.02 higher. It must be of the same features, window length and genres, and its graph must be
    the model that was fitted, within 1e-5. Ends with status 0 if it was promoted (or could be, with
    --dry-run), 1 if it was refused, 2 if there is nothing to compare it by.

    Example: genrestream-train promote candidates/gtzan57-mlp/1.2.0 --registry models
    """
    import json

    from featurizer.spec import GTZAN57
    from training import promote as stage
    from training.errors import TrainingError

    console = Console(stderr=True)

    def say(promoted_to: Path | None, comparison: Comparison | None, reason: str = "") -> None:
        if as_json:
            typer.echo(json.dumps(_as_data(promoted_to, comparison, reason)))
        elif comparison is not None:
            typer.echo(_as_table(comparison))
        if reason:
            console.print(f"error: {reason}", markup=False, highlight=False, soft_wrap=True)

    try:
        trial = stage.try_candidate(candidate, registry=registry, spec=GTZAN57)
        folder = None if dry_run else stage.promote(trial, registry=registry)
    except TrainingError as exc:
        say(None, getattr(exc, "comparison", None), str(exc))
        raise typer.Exit(code=2 if isinstance(exc, stage.CannotCompareError) else 1) from exc
    say(folder, trial.comparison)
    if not as_json:
        typer.echo("it does not lose: it may be promoted" if folder is None else f"promoted: {folder}")


def _as_data(promoted_to: Path | None, comparison: Comparison | None, reason: str) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "promoted_to": None if promoted_to is None else str(promoted_to),
        "does_not_lose": comparison is not None and not reason,
        "reason": reason or None,
        "comparison": None if comparison is None else asdict(comparison),
    }


def _as_table(comparison: Comparison) -> str:
    head = f"{'held-out tracks':<18}{'incumbent':>10}{'candidate':>10}{'difference':>12}   90% interval"
    rows = [
        f"{title:<18}{found.incumbent:>10.4f}{found.candidate:>10.4f}{found.mean:>+12.4f}"
        f"   {found.low:+.4f} to {found.high:+.4f}"
        for title, found in (
            ("accuracy", comparison.accuracy),
            ("log loss (lower)", comparison.log_loss),
        )
    ]
    sample = f"{comparison.n_tracks} tracks by {comparison.n_artists} artists whom neither model had heard"
    return "\n".join((head, *rows, sample))
