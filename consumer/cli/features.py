"""The `features` command: turns audio files into the features behind their labels, window by window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.cli.options import Config, Json, UsageError, Verbose, Windows, settings_from

if TYPE_CHECKING:
    from consumer.features import FeaturizedFile

_SHOWN: Final = (
    "tempo",
    "rms_mean",
    "spectral_centroid_mean",
    "chroma_stft_mean",
    "mfcc1_mean",
    "mfcc2_mean",
)
"""What fits a terminal and means something to a person."""


def features(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Audio files and folders; folders are walked.", show_default=False
        ),
    ],
    *,
    as_json: Json = False,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="CSV with all features and a header.", rich_help_panel="Output"),
    ] = False,
    windows: Windows = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Compute the features of each 3-second window of audio files.

    No model is needed, and the CPU's cores do the work. A terminal gets a table of a few features,
    a pipe gets CSV with all of them. With --json each line is one window: `path`, `window`,
    `start_seconds` and `features` by name; or `path` and `error` where a file failed.

    Exit status: 0 all went well, 1 some failed, 2 wrong usage or settings.

    [bold]Examples[/bold]

      genrestream features song.mp3
      genrestream features --json song.mp3 | jq .features.tempo
      genrestream features --csv ~/Music > features.csv
    """
    from consumer.audio_files import find_audio, shown
    from consumer.cli.tables import printable, problem_of
    from consumer.cli.terminal import complain, is_terminal, progress, write_json
    from consumer.features import FeatureReader
    from consumer.label import for_local_files
    from consumer.logs import configure_command_logs

    if as_json and as_csv:
        raise UsageError("choose one of --json and --csv")
    settings = for_local_files(settings_from(config, overrides={"decode": {"window_policy": windows}}))
    configure_command_logs(settings.log, verbose=verbose)
    found = find_audio(files)
    as_table = is_terminal() and not as_json and not as_csv
    kept: list[FeaturizedFile] = []
    failed = 0
    with (
        FeatureReader(settings) as reader,
        progress(len(found), verb="featurizing", lines_follow=not as_table) as bar,
    ):
        for number, file in enumerate(reader.read(found)):
            if file.error is not None:
                failed += 1
                if not as_json:
                    complain(f"{printable(shown(file.path))}: {problem_of(file.error)}")
            if as_json:
                for row in file.rows():
                    write_json(row)
            elif as_table:
                kept.append(file)
            else:
                _write_csv(file, with_header=number == 0)
            bar.advance(printable(shown(file.path)))
    if as_table:
        _print_table(kept)
    return 1 if failed else 0


def _write_csv(file: FeaturizedFile, *, with_header: bool) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    if with_header:
        writer.writerow(["path", "window", "start_seconds", *file.spec.feature_names])
    if file.error is None:
        for row in file.rows():
            writer.writerow([row["path"], row["window"], row["start_seconds"], *row["features"].values()])
    sys.stdout.flush()


def _print_table(files: list[FeaturizedFile]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from consumer.cli.tables import short_names
    from consumer.cli.terminal import print_table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("track", overflow="fold")
    for name in ("start", *_SHOWN):
        table.add_column(name.removesuffix("_mean").replace("_", " "), justify="right")
    whole = [file for file in files if file.error is None]
    for file, name in zip(whole, short_names([file.path for file in whole]), strict=True):
        for number, row in enumerate(file.rows()):
            values = (f"{row['features'][feature]:.4g}" for feature in _SHOWN)
            table.add_row(Text(name if number == 0 else ""), f"{row['start_seconds']:g} s", *values)
    print_table(table)
