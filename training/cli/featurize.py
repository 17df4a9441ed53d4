"""Turns a folder of music into a feature table: `genrestream-train featurize`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input

if TYPE_CHECKING:
    from training.featurizing.run import FeaturizeResult

_INTERRUPTED = 130  # as a shell reports the end by Ctrl-C


def featurize(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Music by genre: FOLDER/rock/rock.00000.wav, or FOLDER/rock.00000.wav. Any format that the "
            "service takes."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The table to write: TABLE.parquet, TABLE.csv or TABLE.csv.gz.")],
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many, each on one core. [default: all cores]")
    ] = None,
    genres: Annotated[
        str | None, typer.Option(help="Only these, with commas between. [default: all that are there]")
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart/--resume",
            help="Begin anew, or go on where a run that was cut short ended (.TABLE.parts beside the table).",
        ),
    ] = False,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that one file may take.")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Compute a folder's features with the service's own decoder and featurizer.

    The table has the columns of the published one: filename (track.window.extension), length in samples, 57
    features, label. Files that cannot be read are listed and left out. A run that is cut short goes on where
    it ended when it is started again; a file that was changed since is computed again. Ends with status 1
    where no file could be read.

    Example: genrestream-train featurize genres_original --out gtzan.parquet
    """
    from featurizer.spec import GTZAN57
    from training.featurizing.progress import TrackBar
    from training.featurizing.run import FeaturizePlan, available_cores, featurize_folder

    wanted = None if genres is None else frozenset(filter(None, map(str.strip, genres.split(","))))
    plan = FeaturizePlan(
        folder=folder,
        out=out,
        genres=wanted,
        n_processes=processes or available_cores(),
        restart=restart,
        file_seconds=timeout,
    )
    console = Console(stderr=True)
    with one_line_for_bad_input(console):
        try:
            with TrackBar(console) as bar:
                result = featurize_folder(plan, spec=GTZAN57, on_begin=bar.begin, on_track=bar.advance)
                seconds = bar.seconds
        except KeyboardInterrupt as exc:
            _say(console, f"stopped: what is done is kept in {plan.parts}; the same command goes on with it")
            raise typer.Exit(code=_INTERRUPTED) from exc
    _tell_bad(console, result)
    if as_json:
        typer.echo(json.dumps(_to_json(result, out=out, seconds=seconds), ensure_ascii=False))
    elif result.n_tracks:
        typer.echo(f"{out}: {_said(result, seconds=seconds)}")
    if not result.n_tracks:
        _say(console, f"error: no file could be read, nothing was written, path={folder}")
        raise typer.Exit(code=1)


def _tell_bad(console: Console, result: FeaturizeResult) -> None:
    for file in result.bad:
        _say(console, f"left out: {file.place}: {file.reason}: {file.message}")
    if len(result.genres) == 1:
        (genre,) = result.genres
        _say(console, f"only one genre was found, {genre}: name the folder that holds a folder a genre")


def _said(result: FeaturizeResult, *, seconds: float) -> str:
    parts = [f"{result.n_tracks} tracks of {len(result.genres)} genres, {result.n_windows} windows"]
    if result.n_kept:
        parts.append(f"{result.n_kept} done before")
    parts.append(f"{(result.n_tracks - result.n_kept) / seconds:.1f} tracks/s")
    parts += [f"{count} {warning}" for warning, count in sorted(result.warnings.items())]
    if result.bad:
        parts.append(f"{len(result.bad)} left out")
    return ", ".join(parts)


def _to_json(result: FeaturizeResult, *, out: Path, seconds: float) -> dict[str, object]:
    return {
        "out": str(out) if result.n_tracks else None,
        "tracks": result.n_tracks,
        "windows": result.n_windows,
        "genres": dict(sorted(result.genres.items())),
        "resumed": result.n_kept,
        "warnings": dict(sorted(result.warnings.items())),
        "left_out": [
            {"path": file.place, "reason": file.reason, "message": file.message} for file in result.bad
        ],
        "other_files": result.n_others,
        "seconds": round(seconds, 3),
    }


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
