"""The `features export` command: turns the feature log into a table that training reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from consumer.cli.options import BootstrapServers, Config, Json, UsageError, Verbose, settings_from


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
            help="First record: 2030-01-31T12:00:00Z, 2030-01-31, 2h (ago), or an offset.",
            show_default="the oldest there is",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME|OFFSET", help="Where it stops.", show_default="now"),
    ] = None,
    all_records: Annotated[
        bool, typer.Option("--all", help="Not only the newest record of each track.")
    ] = False,
    declared: Annotated[
        bool,
        typer.Option("--declared", help="Only tracks whose upload declared a genre: training needs one."),
    ] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Write the feature log as a table, one row a window.

    Columns are `filename` (track.window.wav), `track_id`, `window`, `start_seconds`,
    `uploaded_at`, `audio_uri`, `declared_genre`, the features by name, and `label`: the
    declared genre, spelt as models spell genres. The file appears whole or not at all. With
    --json one object says how many records were exported or left out.

    Exit status: 0 all went well, 1 some records could not be read or the broker was lost,
    2 wrong usage or settings, 5 refused by the broker.

    [bold]Examples[/bold]

      genrestream features export --out catalogue.parquet
      genrestream features export --declared --from 30d --out train.parquet
      genrestream features export --format csv --out - | head
    """
    from consumer.cli.exporting import bound_of, form_of, said
    from consumer.cli.reading_bar import reading_bar
    from consumer.cli.terminal import complain, write_json
    from consumer.logs import configure_command_logs

    settings = settings_from(config, overrides={"kafka": {"bootstrap_servers": bootstrap_servers}})
    configure_command_logs(settings.log, verbose=verbose)
    form = form or form_of(out)
    if as_json and str(out) == "-":
        raise UsageError("--json and the table cannot both go to standard output")
    bounds = bound_of("--from", since), bound_of("--to", until)

    from consumer.kafka import find_ranges
    from consumer.replay.feature_rows import FeatureRows, feature_columns
    from consumer.tables_file import write_table
    from featurizer.spec import GTZAN57

    ranges = find_ranges(settings.kafka, [settings.topics.features], since=bounds[0], until=bounds[1])
    with reading_bar("reading features", total=sum(map(len, ranges.values()))) as on_read:
        rows = FeatureRows(
            settings.kafka,
            ranges,
            spec=GTZAN57,
            newest=not all_records,
            declared=declared,
            on_read=on_read,
        )
        windows = write_table(out, form=form, columns=feature_columns(GTZAN57), rows=rows)
    if as_json:
        write_json({"out": str(out), "windows": windows, "records": dict(rows.counts)})
    else:
        complain(f"{windows:,} windows: {said(rows.counts)}")
    unread = set(rows.counts) - {"exported", "superseded", "undeclared", "tombstone"}
    return 1 if unread else 0
