"""The `worker` command: turns settings into a member of the consumer group, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.options import (
    BootstrapServers,
    Config,
    Device,
    Group,
    Model,
    Verbose,
    Windows,
    model_overrides,
    settings_from,
)


def worker(
    *,
    file_root: Annotated[
        list[Path] | None,
        typer.Option(
            "--file-root",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Allow file: URIs below this folder; repeatable. They are refused otherwise.",
        ),
    ] = None,
    slot: Annotated[
        int | None,
        typer.Option(
            "--slot",
            min=0,
            metavar="N",
            help="Number of this worker on this host: tells their transactional.id and ports apart.",
            show_default="kafka.slot, else 0",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65_535,
            help="Of /metrics, /healthz and /readyz; 0 takes a free one.",
            show_default="serve.port + slot, else 9464 + slot",
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    group: Group = None,
    device: Device = None,
    model: Model = None,
    windows: Windows = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Label uploads from Kafka until SIGTERM or Ctrl-C.

    Either drains first; a second one ends at once, which loses nothing.

    Start as many as there are partitions and cores for: workers of one group share the work.
    Logs go to standard error: for people on a terminal, as JSON in a pipe.

    Exit status: 0 after SIGTERM, 1 broker lost or a bug, 2 wrong usage or settings, 3 fenced by
    a twin with the same transactional.id, 4 model or device, 5 refused by the broker, 130 Ctrl-C.

    [bold]Examples[/bold]

      genrestream worker --file-root ~/Music
      genrestream worker --file-root ~/Music --slot 1     # a second one on the same host
      genrestream worker --config /etc/genrestream.toml --group relabel
      GENRESTREAM_FETCH__OBJECT_STORES='["s3://masters/"]' genrestream worker -b kafka-1:9092
    """
    from consumer.decoding import head_start

    head_start.begin()  # before what follows is imported, which takes half a second
    from consumer.logs import configure_logs
    from consumer.worker import Worker, run_until_signalled, with_port_of_slot

    roots = tuple(root.resolve() for root in file_root) if file_root else None
    settings = settings_from(
        config,
        overrides={
            "kafka": {"bootstrap_servers": bootstrap_servers, "group": group, "slot": slot},
            "fetch": {"file_roots": roots},
            "worker": {"device": device},
            "model": model_overrides(model),
            "decode": {"window_policy": windows},
            "serve": {"port": port},
            "log": {"level": "debug" if verbose else None},
        },
    )
    configure_logs(settings.log)
    return run_until_signalled(Worker(settings if port is not None else with_port_of_slot(settings)))
