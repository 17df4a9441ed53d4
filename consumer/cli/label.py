"""The `label` command: turns audio files into labels on standard output, without any Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from consumer.cli.options import Config, Device, Json, Model, Verbose, model_overrides, settings_from


def label(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Audio files and folders; folders are walked.", show_default=False
        ),
    ],
    *,
    as_json: Json = False,
    device: Device = None,
    model: Model = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Label audio files with their genre, by the worker's own pipeline on every core.

    With --json each line holds `path` and the fields of a TrackLabelled message, or `path` and
    `error` with a `reason` and a `message`. Lines keep the order of the files.

    Exit status: 0 all were labelled or abstained from, 1 some failed (a path that does not exist
    is one of these), 2 wrong usage or settings, 4 model or device.

    [bold]Examples[/bold]

      genrestream label song.mp3
      genrestream label --json ~/Music | jq -r 'select(.confidence > 0.8) | [.genre, .path] | @tsv'
    """
    from consumer.audio_files import find_audio, shown
    from consumer.cli.tables import Row, label_table, plain_line, printable, problem_of, short_names
    from consumer.cli.terminal import complain, is_terminal, print_table, progress, write_json, write_line
    from consumer.events import TrackLabelled
    from consumer.label import Labeller, for_local_files
    from consumer.logs import configure_command_logs
    from consumer.worker import open_pipeline

    overrides: dict[str, dict[str, Any]] = {"worker": {"device": device}, "model": model_overrides(model)}
    settings = for_local_files(settings_from(config, overrides=overrides))
    configure_command_logs(settings.log, verbose=verbose)
    found = find_audio(files)
    as_table = is_terminal() and not as_json
    names = short_names([file.path for file in found]) if as_table else []
    rows: list[Row] = []
    failed = 0
    with (
        open_pipeline(settings) as pipeline,
        progress(len(found), verb="labelling", lines_follow=not as_table) as bar,
    ):
        labeller = Labeller(
            pipeline,
            max_in_flight=settings.worker.max_in_flight,
            deadline_seconds=settings.worker.track_deadline_seconds,
        )
        for number, ended in enumerate(labeller.label(found)):
            name = names[number] if as_table else printable(shown(ended.path))
            row = (
                Row(name, ended.result)
                if isinstance(ended.result, TrackLabelled)
                else Row(name, None, problem_of(ended.result))
            )
            failed += row.label is None
            if as_json:
                write_json(ended.to_json())
            elif as_table:
                rows.append(row)
            elif row.label is None:
                complain(plain_line(row))
            else:
                write_line(plain_line(row))
            bar.advance(name)
    if as_table:
        print_table(label_table(rows))
    return 1 if failed else 0
