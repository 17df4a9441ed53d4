"""The `topics` commands: turn the topic settings into topics on the broker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.options import BootstrapServers, Config, Json, settings_from

if TYPE_CHECKING:
    from consumer.config import KafkaSettings
    from consumer.topics import TopicDefinition

topics = typer.Typer(help="Create the service's topics.", no_args_is_help=True)


@topics.callback()
def _topics() -> None:
    # With a callback typer keeps the name of a group's only command.
    pass


@topics.command()
def create(
    *,
    partitions: Annotated[
        int,
        typer.Option("--partitions", "-p", min=1, help="Of uploads and labels: as many workers share them."),
    ] = 12,
    replication: Annotated[
        int | None,
        typer.Option(
            "--replication",
            min=1,
            help="Copies of each partition.",
            show_default="the broker's",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be created, and ask no broker.")
    ] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
) -> int:
    """Create the topics that are missing; what exists is compared and never changed.

    With --dry-run the definitions are printed: the same as deploy/topics/topics.jsonl where the settings
    are the defaults. A null replication factor is the broker's default.

    Exit status: 0 also where an existing topic differs, which is told.

    [bold]Examples[/bold]

      genrestream topics create
      genrestream topics create --partitions 24 --replication 3 -b kafka-1:9092
      genrestream topics create --dry-run --json
    """
    from consumer.logs import configure_command_logs
    from consumer.topics import definitions

    settings = settings_from(config, overrides={"kafka": {"bootstrap_servers": bootstrap_servers}})
    configure_command_logs(settings.log, verbose=False)
    wanted = definitions(settings.topics, partitions=partitions, replication=replication)
    if dry_run:
        _write_definitions(wanted, as_json=as_json)
    else:
        _create(wanted, kafka=settings.kafka, as_json=as_json)
    return 0


def _create(wanted: Iterable[TopicDefinition], *, kafka: KafkaSettings, as_json: bool) -> None:
    from consumer.cli.terminal import write_json, write_line
    from consumer.kafka import KafkaAdmin
    from consumer.topics import create as create_missing

    for report in create_missing(KafkaAdmin(kafka), wanted):
        if as_json:
            write_json({"topic": report.name, "state": report.state, "differences": list(report.differences)})
        else:
            details = f": {'; '.join(report.differences)}" if report.differences else ""
            write_line(f"{report.state:<8}  {report.name}{details}")


def _write_definitions(wanted: Iterable[TopicDefinition], *, as_json: bool) -> None:
    from consumer.cli.terminal import write_json, write_line

    for topic in wanted:
        if as_json:
            write_json(
                {
                    "topic": topic.name,
                    "partitions": topic.partitions,
                    "replication": topic.replication,
                    "config": dict(topic.config),
                }
            )
        else:
            copies = "" if topic.replication is None else f" replication={topic.replication}"
            config = "".join(f" {name}={value}" for name, value in topic.config.items())
            write_line(f"{topic.name}  partitions={topic.partitions}{copies}{config}")
