"""Turns arguments into one command's work, and its end into an exit status and one clear line of why."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.cli.bench import bench
from consumer.cli.bench_relabel import relabel as bench_relabel
from consumer.cli.check import check
from consumer.cli.demo import demo
from consumer.cli.dlq import dlq
from consumer.cli.features_group import features
from consumer.cli.kernels import kernels
from consumer.cli.label import label
from consumer.cli.labels import labels
from consumer.cli.models import models
from consumer.cli.probe import probe
from consumer.cli.relabel import relabel
from consumer.cli.schemas import schemas
from consumer.cli.submit import submit
from consumer.cli.topics import topics
from consumer.cli.watch import watch
from consumer.cli.worker import worker

if TYPE_CHECKING:
    from consumer.ports import BrokerError

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""

_EXIT_STATUSES: Final = (
    "Exit status: 0 all went well, 1 something failed, 2 wrong usage or settings, 3 fenced by a twin, "
    "4 model or device, 5 refused by the broker, 130 interrupted."
)

app = typer.Typer(
    name="genrestream",
    help="Label every uploaded track with its genre, in seconds, exactly once.",
    epilog=_EXIT_STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)

app.command(rich_help_panel="Without Kafka")(label)
app.add_typer(features, name="features", rich_help_panel="Without Kafka")
app.command(rich_help_panel="Without Kafka")(demo)
app.command(rich_help_panel="The service")(worker)
app.command(rich_help_panel="The service")(submit)
app.command(rich_help_panel="The service")(watch)
app.command(rich_help_panel="Operation")(check)
app.command(rich_help_panel="Operation")(relabel)
app.command(rich_help_panel="Operation")(probe)
app.add_typer(labels, name="labels", rich_help_panel="Operation")
app.add_typer(dlq, name="dlq", rich_help_panel="Operation")
app.add_typer(topics, name="topics", rich_help_panel="Operation")
app.add_typer(models, name="models", rich_help_panel="Operation")
app.add_typer(kernels, name="kernels", rich_help_panel="Operation")
app.command(rich_help_panel="Operation")(schemas)
bench.command("relabel")(bench_relabel)
app.add_typer(bench, name="bench", rich_help_panel="Operation")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"genrestream {version('genrestream')}")
        raise typer.Exit


@app.callback()
def _genrestream(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own where null.
    """
    try:
        status = app(args=arguments, standalone_mode=False, prog_name="genrestream")
    except typer.TyperException as exc:
        return _explain_usage(exc, typed=sys.argv[1:] if arguments is None else arguments)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as exc:
        status = _explain(exc)
        if status is None:
            raise
    return status if isinstance(status, int) else 0


def main() -> None:
    """Run the command that the process was started with, and end the process with its exit status."""
    sys.exit(run())


def _explain_usage(error: typer.TyperException, *, typed: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else " ".join(("genrestream", *typed[:1]))
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    if message:
        typer.echo(f"{command}: {message} (see {command} --help)", err=True)
    return error.exit_code


def _explain(error: Exception) -> int | None:
    """Say in one line what went wrong; what is no error of ours is a bug and keeps its traceback."""
    # Imported here: the error table knows every package, and a good run never needs it.
    from consumer.errors import BrokerAuthorizationError, ConsumerError, exit_status
    from consumer.ports import BrokerError
    from featurizer.errors import FeaturizerError
    from modelzoo.errors import ModelError

    if isinstance(error, BrokerError):
        typer.echo(f"genrestream: {_one_line(error)}: {_advice(error)}", err=True)
        return BrokerAuthorizationError.exit_status if error.is_authorization else 1
    if not isinstance(error, ConsumerError | FeaturizerError | ModelError):
        return None
    typer.echo(f"genrestream: {_one_line(error)}", err=True)
    return exit_status(error)


def _advice(error: BrokerError) -> str:
    if error.is_authorization:
        return "check kafka.properties and this user's ACLs"
    if error.code == "UNKNOWN_TOPIC_OR_PART":
        return "run: genrestream topics create"
    return "is a broker there? try: genrestream check"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
