"""The `label` command: turns audio files into labels on standard output, without any Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from consumer.cli.options import (
    Config,
    Device,
    Json,
    Model,
    Verbose,
    Windows,
    model_overrides,
    settings_from,
)


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
    windows: Windows = None,
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
    from consumer.decoding import head_start

    head_start.begin()  # before what follows is imported, which takes half a second
    from consumer.audio_files import find_audio
    from consumer.cli.outputs import output_for
    from consumer.cli.tables import problem_of
    from consumer.cli.terminal import complain, is_terminal, progress, write_json
    from consumer.events import TrackLabelled
    from consumer.label import for_local_files, label_files
    from consumer.logs import configure_command_logs
    from consumer.worker import open_pipeline

    overrides: dict[str, dict[str, Any]] = {
        "worker": {"device": device},
        "model": model_overrides(model),
        "decode": {"window_policy": windows},
    }
    settings = for_local_files(settings_from(config, overrides=overrides))
    configure_command_logs(settings.log, verbose=verbose)
    found = find_audio(files)
    failed = 0
    with (
        output_for([file.path for file in found], failures=complain) as output,
        open_pipeline(settings) as pipeline,
        progress(len(found), verb="labelling", lines_follow=as_json or not is_terminal()) as bar,
    ):
        for ended in label_files(found, engine=pipeline, settings=settings.worker):
            if as_json:
                write_json(ended.to_json())
            elif isinstance(ended.result, TrackLabelled):
                output.show(ended.path, ended.result)
            else:
                output.show(ended.path, None, problem=problem_of(ended.result))
            failed += not isinstance(ended.result, TrackLabelled)
            bar.advance(output.name(ended.path))
    return 1 if failed else 0
