"""The `schemas` command: turns the wire contract into JSON Schema for other teams' code generators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.options import UsageError


def schemas(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Document to print: track_uploaded, track_labelled ...; the names where left out."
        ),
    ] = None,
    *,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", metavar="FOLDER", help="Write every document into this folder.", show_default=False
        ),
    ] = None,
) -> int:
    """Print or write the JSON Schema of every message, and an AsyncAPI document.

    [bold]Examples[/bold]

      genrestream schemas track_labelled > track_labelled.json
      genrestream schemas --write contracts/
    """
    import json

    from consumer.schemas import documents, write_documents

    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for path in write_documents(write):
            typer.echo(path)
        return 0
    generated = documents()
    if name is None:
        for known in generated:
            typer.echo(known)
        return 0
    if name not in generated:
        raise UsageError(f"no such document: {name}; one of {', '.join(generated)}")
    typer.echo(json.dumps(generated[name], indent=2, ensure_ascii=False))
    return 0
