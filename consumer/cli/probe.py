"""The `probe` command: turns a running worker's answer into an exit status."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from consumer.cli.options import Config, Json, settings_from


def probe(
    what: Annotated[
        Literal["ready", "health"],
        typer.Argument(help="ready: does it serve partitions? health: does its poll loop turn?"),
    ] = "ready",
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1, max=65_535, help="Of the worker.", show_default="serve.port + slot, else 9464"
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait for an answer.")
    ] = 3.0,
    as_json: Json = False,
    config: Config = None,
) -> int:
    """Ask a worker on this machine how it is; images use it as their health check.

    A worker is ready once its model is loaded, its children are warm and its group is joined; while it
    drains it is not. It is healthy as long as its poll loop turns, and while it starts.

    Exit status: 0 yes, 1 no or no answer, 2 wrong usage or settings.

    [bold]Examples[/bold]

      genrestream probe
      genrestream probe health --port 9465 --json
    """
    from consumer.cli.terminal import write_json, write_line
    from consumer.probe import address_of, ask

    settings = settings_from(config)
    verdict = ask(what, address=address_of(settings, port=port), timeout_seconds=timeout)
    if as_json:
        write_json(verdict.to_json())
    else:
        figures = "".join(f", {name}={value}" for name, value in verdict.details.items())
        write_line(f"{'OK' if verdict.ok else 'FAILED'}  {what}: {verdict.why}{figures}")
    return 0 if verdict.ok else 1
