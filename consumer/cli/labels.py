"""The `labels` commands: turn the log of all results into a table of each track's current label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from consumer.cli.options import BootstrapServers, Config, Json, UsageError, Verbose, settings_from

labels = typer.Typer(help="Read the labels.", no_args_is_help=True)


@labels.callback()
def _labels() -> None:
    # With a callback typer keeps the name of a group's only command.
    pass


@labels.command()
def export(
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; - is standard output, for text."),
    ],
    form: Annotated[
        Literal["parquet", "csv", "jsonl"] | None,
        typer.Option("--format", help="What is written.", show_default="by the file's ending"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME|OFFSET",
            help="First result: 2030-01-31T12:00:00Z, 2030-01-31, 2h (ago), or an offset.",
            show_default="the oldest there is",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME|OFFSET", help="Where it stops.", show_default="now"),
    ] = None,
    status: Annotated[
        Literal["all", "labelled", "abstained"],
        typer.Option("--status", help="Which current labels are written."),
    ] = "all",
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Write the current label of each track, one row a track.

    The current label is the one of the newest upload, and of those the last that was made, in
    whatever order they stand in the topic: a late retry or a replay of an older upload does not
    take its place. The file appears whole or not at all. With --json one object says how many
    results were current or superseded.

    Exit status: 0 all went well, 1 some results could not be read or the broker was lost,
    2 wrong usage or settings, 5 refused by the broker.

    [bold]Examples[/bold]

      genrestream labels export --out labels.parquet
      genrestream labels export --status labelled --from 30d --out labels.csv
      genrestream labels export --format jsonl --out - | jq -r '[.track_id, .genre] | @tsv'
    """
    from consumer.cli.exporting import bound_of, form_of, said
    from consumer.cli.reading_bar import reading_bar
    from consumer.cli.terminal import complain, write_json
    from consumer.events import Status
    from consumer.logs import configure_command_logs

    settings = settings_from(config, overrides={"kafka": {"bootstrap_servers": bootstrap_servers}})
    configure_command_logs(settings.log, verbose=verbose)
    form = form or form_of(out)
    if as_json and str(out) == "-":
        raise UsageError("--json and the table cannot both go to standard output")
    bounds = bound_of("--from", since), bound_of("--to", until)

    from consumer.current_labels import LABEL_COLUMNS, CurrentLabels, label_row
    from consumer.kafka import find_ranges
    from consumer.tables_file import write_table

    statuses = tuple(Status) if status == "all" else (Status(status),)
    ranges = find_ranges(settings.kafka, [settings.topics.labels], since=bounds[0], until=bounds[1])
    with reading_bar("reading labels", total=2 * sum(map(len, ranges.values()))) as on_read:
        current = CurrentLabels(settings.kafka, ranges, statuses=statuses, on_read=on_read)
        rows = (label_row(label) for label in current)
        tracks = write_table(out, form=form, columns=LABEL_COLUMNS, rows=rows)
    if as_json:
        write_json({"out": str(out), "tracks": tracks, "results": dict(current.counts)})
    else:
        complain(f"{tracks:,} tracks; results: {said(current.counts)}")
    return 1 if current.counts["unreadable"] else 0
