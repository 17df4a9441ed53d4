"""The `watch` command: turns the label topic into lines, as tracks are labelled."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from consumer.cli.options import BootstrapServers, Config, Json, settings_from


def watch(
    *,
    start: Annotated[
        Literal["beginning", "end"], typer.Option("--from", help="Where in the topic to begin.")
    ] = "end",
    count: Annotated[
        int | None, typer.Option("--count", "-n", metavar="N", min=1, help="Stop after N tracks.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0.0, help="Stop after so long.", show_default=False),
    ] = None,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Show the tracks that could not be labelled too.")
    ] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
) -> int:
    """Follow the labels, in no consumer group and leaving no trace; Ctrl-C ends it.

    With --json each line is a TrackLabelled message, or a dead letter with its `error`.

    Exit status: 0, but 1 where --timeout came before --count tracks.

    [bold]Examples[/bold]

      genrestream watch
      genrestream watch --json --from beginning | jq -r '[.track_id, .genre] | @tsv'
      genrestream watch --count 1 --timeout 10 --dead-letters
    """
    from consumer.cli.tables import Row, plain_line, printable
    from consumer.cli.terminal import write_json, write_line
    from consumer.events import TrackLabelled
    from consumer.kafka import Start
    from consumer.logs import configure_command_logs
    from consumer.watch import Watcher

    settings = settings_from(config, overrides={"kafka": {"bootstrap_servers": bootstrap_servers}})
    configure_command_logs(settings.log, verbose=False)
    beginning = Start.BEGINNING if start == "beginning" else Start.NOW
    seen = 0
    with Watcher(settings, start=beginning, dead_letters=dead_letters) as watcher:
        for ended in watcher.follow(count=count, timeout_seconds=timeout):
            seen += 1
            if as_json:
                write_json(
                    ended.model_dump(mode="json") if isinstance(ended, TrackLabelled) else ended.to_json()
                )
            elif isinstance(ended, TrackLabelled):
                write_line(plain_line(Row(printable(ended.track_id), ended)))
            else:
                name = printable(ended.track_id or f"{ended.topic}/{ended.partition}/{ended.offset}")
                write_line(plain_line(Row(name, None, f"dead letter: {printable(ended.problem)}")))
    return 1 if count is not None and seen < count else 0
