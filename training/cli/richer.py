"""Turns folders of audio into an answer, whether richer features help: `genrestream-train richer`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from training.cli.refusal import one_line_for_bad_input

if TYPE_CHECKING:
    from training.richer.experiment import Answer, Comparison

MODELS = "logistic,svm-rbf,lightgbm,mlp-dropout"


def richer(
    audio: Annotated[
        list[Path],
        typer.Option(
            help="Folder of GTZAN's audio, a folder a genre. Again for more; a track is taken from the first."
        ),
    ],
    split: Annotated[
        Path, typer.Option(help="Folder of the published split's lists, its index of artists and its pairs.")
    ],
    out: Annotated[Path, typer.Option(help="Folder where the features are kept for the next time.")],
    models: Annotated[
        str, typer.Option(help="Names of models of the benchmark, with commas between.")
    ] = MODELS,
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each model.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Short fits: a look, no figures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Compare the 57 features with 125 on the same windows, the same models and the published split.

    gtzan57+ has spectral contrast, tonnetz, flatness and the cepstrum's changes besides, computed with
    librosa (the extra bench). The model is chosen on artists of the lists train and valid, and measured once
    on the list test; the difference has a 95% interval from a bootstrap over artists. The service computes
    57 features whatever the answer is.

    Example: genrestream-train richer --audio gtzan/genres --split gtzan_split --out richer
    """
    import torch

    from training.featurizing.progress import TrackBar
    from training.models.catalogue import kinds_for
    from training.models.kind import Effort, InputKind
    from training.richer.experiment import Experiment
    from training.richer.tables import richer_windows
    from training.splits import read_track_lists
    from training.stages import Stages

    # Sums in another order give another model: one thread has one order, whatever the number of cores.
    torch.set_num_threads(1)
    console = Console(stderr=True)
    with one_line_for_bad_input(console):
        names = [name.strip() for name in models.split(",") if name.strip()]
        kinds = kinds_for(frozenset({InputKind.FEATURES}), names=names)
        lists = read_track_lists(split)
        with TrackBar(console) as bar:
            windows = richer_windows(
                audio,
                out=out,
                on_begin=bar.begin,
                on_track=bar.advance,
                on_bad=lambda file: _say(console, f"left out: {file.place}: {file.reason}: {file.message}"),
            )
        effort = Effort.QUICK if quick else Effort.FULL
        experiment = Experiment(
            windows=windows, lists=lists, kinds=kinds, seeds=tuple(range(seeds)), effort=effort
        )
        with Stages(console) as stages:
            answer = experiment.run(stages.begin("fits on both feature sets", n_steps=experiment.n_fits))
    typer.echo(json.dumps(_to_json(answer, n_seeds=seeds)) if as_json else _said(answer))


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _said(answer: Answer) -> str:
    lines = ["validation artists"]
    lines += [_line(comparison) for comparison in answer.validation]
    without = f", none of {', '.join(answer.lacking)}" if answer.lacking else ""
    lines += [f"fault-filtered test{without}", _line(answer.test)]
    end = "gtzan57+ is worth adopting" if answer.adopted else "gtzan57+ is not adopted"
    return "\n".join([*lines, f"{end}: the test's accuracy {answer.test.verdict}"])


def _line(comparison: Comparison) -> str:
    return (
        f"  {comparison.model:<14} {comparison.basic:.3f} -> {comparison.richer:.3f}  "
        f"{comparison.difference:+.3f} [{comparison.low:+.3f}, {comparison.high:+.3f}]  "
        f"{comparison.n_tracks} tracks, {comparison.n_artists} artists"
    )


def _to_json(answer: Answer, *, n_seeds: int) -> dict[str, Any]:
    return {
        "validation": [asdict(comparison) for comparison in answer.validation],
        "test": asdict(answer.test),
        "test_lacks_genres": list(answer.lacking),
        "verdict": answer.test.verdict,
        "adopted": answer.adopted,
        "seeds": n_seeds,
    }
