"""The `kernels` commands: compile the CPU's code before it is needed, and say where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.options import Json

kernels = typer.Typer(
    help="Compile the CPU kernels ahead, and look at what is compiled.", no_args_is_help=True
)


@kernels.command()
def build(
    *,
    level: Annotated[
        list[str] | None,
        typer.Option(
            "--level",
            metavar="LEVEL",
            help="v1 to v4 (x86-64-v1 ...), arm64 or native; repeatable. Not above what this CPU runs.",
            show_default="this CPU's best",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            file_okay=False,
            help="Where to; workers find it there by GENRESTREAM_KERNEL_CACHE=DIR.",
            show_default="where a worker here looks",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Compile the CPU kernels, so that no worker has to: half a minute for each level.

    A worker looks in GENRESTREAM_KERNEL_CACHE, in share/genrestream/kernels of its Python environment
    and in the user's cache, and compiles where it finds nothing. An image that carries v2, v3 and v4
    serves every x86-64 CPU of the last ten years, from a read-only file system too.

    Exit status: 0 all were compiled or were there, 1 one failed, 2 a level that this CPU does not run.

    [bold]Examples[/bold]

      genrestream kernels build
      genrestream kernels build --level v2 --level v3 --level v4 --out /opt/genrestream/kernels
    """
    from consumer.cli.terminal import complain, write_json, write_line
    from consumer.kernels import build as build_level

    names: list[str | None] = [*level] if level else [None]
    for name in names:
        complain(f"compiling the kernels for {name or 'this CPU'} ...")
        built = build_level(name, out=out)
        if as_json:
            write_json(built.to_json())
        else:
            write_line(f"{built.level}  {built.seconds:.1f} s  {built.folder}")
    return 0


@kernels.command()
def show(*, as_json: Json = False) -> int:
    """Say for each level that this CPU runs whether its kernels are compiled, and where.

    The level that a worker takes is marked. GENRESTREAM_KERNEL_LEVEL names a lower one.

    [bold]Examples[/bold]

      genrestream kernels show
      genrestream kernels show --json
    """
    from consumer.cli.terminal import write_json, write_line
    from consumer.kernels import show as look

    for report in look():
        facts = report.to_json()
        if as_json:
            write_json(facts)
            continue
        mark = "*" if report.wanted else " "
        where = f"{'warm' if facts['warm'] else 'cold'}  {facts['folder']}" if facts["folder"] else "cold"
        write_line(f"{mark} {report.level:<16}  {where}")
    return 0
