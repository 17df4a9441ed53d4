"""Turns data and names of models into one honest report: `genrestream-train benchmark`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input
from training.recipe import Recipe

if TYPE_CHECKING:
    from training.benchmark.produce import Benchmark
    from training.benchmark.run import MeasuredRow
    from training.benchmark.sources import Sources
    from training.report.figures import Report

FULL_SEEDS, QUICK_SEEDS = 5, 2
_INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number."""


def benchmark(
    context: typer.Context,
    *,
    out: Annotated[
        Path,
        typer.Option(help="Folder of the report; OUT/cells keeps every fit, so that a run can be resumed."),
    ],
    features: Annotated[
        Path | None, typer.Option(help="Table of window features (CSV, CSV.GZ, Parquet), as GTZAN's.")
    ] = None,
    extra_features: Annotated[
        Path | None,
        typer.Option(
            help="A second table. It joins training sides only, never a test; its copies of test tracks, "
            "repeats and unknown genres are left out."
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="npz or folder of spectrogram pictures, one a track.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="Folder of music, a folder a genre: as pictures and as MFCC series.")
    ] = None,
    genres: Annotated[str, typer.Option(help="With --audio: only these genres, with commas.")] = "",
    embeddings: Annotated[
        list[Path] | None,
        typer.Option(help="npz of an outside network's outputs; give it again for each further file."),
    ] = None,
    models: Annotated[
        str, typer.Option(help="Names of models, with commas; all that fit the data unless told.")
    ] = "",
    split: Annotated[
        Path | None,
        typer.Option(
            help="CSV of filename_or_track,train|test: your own split, measured and searched for leaks as "
            "protocol `given`."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Fits of each model under each protocol: 5, or 2 with --quick."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in two minutes, whose figures are not to be quoted.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread each: one a core.")
    ] = None,
    extra_weight: Annotated[
        float,
        typer.Option(min=1e-6, help="How much a window of the extra table counts, where one's own counts 1."),
    ] = Recipe().extra_weight,
    steps: Annotated[
        bool, typer.Option("--steps/--no-steps", help="Measure what each of the default model's steps gave.")
    ] = True,
    importance: Annotated[
        bool,
        typer.Option("--importance/--no-importance", help="Measure how much models lean on each feature."),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print report.json on one line instead of a table.")
    ] = False,
) -> None:
    """Fit models under three protocols and write report.html, report.md and report.json.

    Random windows are the usual protocol, which leaks: windows of one track are on both sides. Grouped by
    track is stricter. Fault-filtered is the honest one: published lists of GTZAN that share no artist. A
    fourth, validation, lies inside its training side: temperatures and ensembles are chosen there. Five seeds
    each; three under validation and where a fit takes over a minute. An interrupted run goes on where it
    stopped when the same command is started again. Ends with status 1 if a fit failed; the report says which.

    Example: genrestream-train benchmark --features gtzan.csv --extra-features other.csv --out report
    """
    from training.benchmark.sources import Sources

    sources = Sources(
        features=features,
        extra_features=extra_features,
        images=images,
        audio=audio,
        embeddings=tuple(embeddings or ()),
        genres=_names(genres),
        split=split,
        extra_weight=extra_weight,
    )
    _refuse_odd_sources(sources)
    how = _How(
        out=out,
        models=_names(models),
        is_quick=quick,
        n_seeds=seeds or (QUICK_SEEDS if quick else FULL_SEEDS),
        n_processes=processes,
        # A quick look is at the models.
        has_steps=steps and not quick,
        has_importance=importance and not quick,
        command=_command(context),
    )
    console = Console(stderr=True)
    with one_line_for_bad_input(console):
        report, failed = _measure(_plan(sources, how, console=console), console=console)
    _tell(report, out=out, as_json=as_json)
    for row in failed:
        extra = " with the extra table" if row.row.extra else ""
        _say(console, f"error: {row.row.kind.name} {row.row.protocol}{extra}: {row.why}")
    if failed:
        raise typer.Exit(code=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    out: Path
    models: tuple[str, ...]
    is_quick: bool
    n_seeds: int
    n_processes: int | None
    has_steps: bool
    has_importance: bool
    command: str


def _refuse_odd_sources(sources: Sources) -> None:
    places = {
        "--features": sources.features,
        "--images": sources.images,
        "--audio": sources.audio,
        "--embeddings": sources.embeddings,
    }
    given = [name for name, place in places.items() if place]
    if len(given) != 1:
        raise typer.BadParameter(
            f"give exactly one of {', '.join(places)}; given: {', '.join(given) or 'none'}"
        )
    if sources.extra_features and not sources.features:
        raise typer.BadParameter("--extra-features goes with --features only")
    if sources.genres and not sources.audio:
        raise typer.BadParameter("--genres goes with --audio only")


def _plan(sources: Sources, how: _How, *, console: Console) -> Benchmark:
    from featurizer.spec import GTZAN57
    from training.benchmark.produce import CELLS_FOLDER, EXPLAINED, Benchmark, steps_for
    from training.benchmark.sources import read_sources
    from training.benchmark.store import check_writable
    from training.featurizing.run import available_cores
    from training.models.catalogue import kinds_for
    from training.models.kind import Effort, InputKind

    check_writable(how.out / CELLS_FOLDER)
    data = read_sources(sources, spec=GTZAN57, say=lambda line: _say(console, line))
    kinds = kinds_for(data.inputs, names=how.models, has_names=bool(data.feature_names))
    of_features = any(kind.input is InputKind.FEATURES for kind in kinds)
    return Benchmark(
        kinds=kinds,
        data=data,
        out=how.out,
        effort=Effort.QUICK if how.is_quick else Effort.FULL,
        n_seeds=how.n_seeds,
        n_processes=how.n_processes or available_cores(),
        # The steps are of one model: whoever names others does not ask about them.
        steps=steps_for(data) if how.has_steps and of_features and not how.models else (),
        explained=EXPLAINED if how.has_importance else frozenset(),
        command=how.command,
    )


def _measure(plan: Benchmark, *, console: Console) -> tuple[Report, tuple[MeasuredRow, ...]]:
    from datetime import UTC, datetime

    from training.benchmark.produce import produce
    from training.benchmark.progress import FitBar
    from training.report import write_report

    try:
        with FitBar(console) as bar:
            report, failed = produce(plan, watch=bar, created_at=datetime.now(UTC))
        write_report(report, plan.out)
    except KeyboardInterrupt as exc:
        _say(console, f"stopped: the fits that are done are kept in {plan.out}; the same command goes on")
        raise typer.Exit(code=_INTERRUPTED) from exc
    if bar.n_found:
        _say(console, f"{bar.n_found} of {bar.n_done} fits were there from an earlier run")
    return report, failed


def _tell(report: Report, *, out: Path, as_json: bool) -> None:
    from training.benchmark.table import accuracy_table

    if as_json:
        typer.echo(report.model_dump_json())
        return
    shown = Console()
    shown.print(accuracy_table(report))
    for leak in report.leaks:
        if leak.leaks:
            _say(shown, f"{leak.protocol} leaks: {leak.why}")
    for name in ("report.html", "report.md", "report.json"):
        typer.echo(out / name)


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _command(context: typer.Context) -> str:
    """Spell the command that makes the report again, as it was given."""
    words = ["genrestream-train", str(context.info_name)]
    for option in context.command.params:
        value = context.params.get(str(option.name))
        if value is None or value == option.default or not option.opts:
            continue
        if isinstance(value, bool):
            words.append(option.opts[0] if value else option.secondary_opts[0])
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [option.opts[0], str(one)]
    return shlex.join(words)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
