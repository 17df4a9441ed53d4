"""The `check` command: turns the settings into a list of what is fine, and what to do about the rest."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.options import (
    BootstrapServers,
    Config,
    Device,
    Group,
    Json,
    Model,
    model_overrides,
    settings_from,
)

if TYPE_CHECKING:
    from consumer.check import Check


def check(
    *,
    show_settings: Annotated[
        bool, typer.Option("--settings", help="Print the settings too, secrets masked, as JSON.")
    ] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    group: Group = None,
    device: Device = None,
    model: Model = None,
    config: Config = None,
) -> int:
    """Look at everything that a worker needs, and say what to do about failures.

    Settings, spool, sources, model, device, decoders, broker and topics, in this order.

    One line each: OK or FAILED, what was found, and what to do about it. A short synthetic track
    goes through the whole pipeline.

    Exit status: 0 all is well; else that of the first failure: 1 broker, topic or pipeline,
    2 settings, 4 model or device, 5 refused by the broker.

    [bold]Examples[/bold]

      genrestream check
      genrestream check --config /etc/genrestream.toml --json
    """
    from consumer.check import Check, run_checks
    from consumer.cli.terminal import write_json
    from consumer.config import printable
    from consumer.logs import configure_command_logs

    settings = settings_from(
        config,
        overrides={
            "kafka": {"bootstrap_servers": bootstrap_servers, "group": group},
            "worker": {"device": device},
            "model": model_overrides(model),
        },
    )
    configure_command_logs(settings.log, verbose=False)
    if show_settings:
        write_json({"settings": printable(settings)})
    where = f"read from {config}" if config is not None else "valid"
    status = 0
    for answer in chain([Check("settings", ok=True, found=where)], run_checks(settings)):
        status = status or answer.exit_status
        if as_json:
            write_json(answer.to_json())
        else:
            _write(answer)
    return status


def _write(answer: Check) -> None:
    from consumer.cli.terminal import is_terminal, write_line

    verdict = "OK    " if answer.ok else "FAILED"
    if is_terminal():
        verdict = typer.style(verdict, fg="green" if answer.ok else "red", bold=True)
    write_line(f"{verdict}  {answer.name}: {answer.found}")
    if answer.advice:
        write_line(f"        -> {answer.advice}")
