"""The `features` commands: turn audio files into features, or the feature log into a table of them."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperGroup

from consumer.cli.features import features as of_files
from consumer.cli.features_export import export

_OF_FILES: Final = "files"
_HELP: Final = """Compute the features of audio files, or write the feature log as a table.

Without a command's name, files are meant: `features FILE` is `features files FILE`.

[bold]Examples[/bold]

  genrestream features song.mp3
  genrestream features --csv ~/Music > features.csv
  genrestream features export --out catalogue.parquet
"""


class FilesUnlessNamed(TyperGroup):
    """Takes what begins with no command's name for files and their options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name before what was typed without one; `ctx` is the library's own."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = [_OF_FILES, *args]
        return super().parse_args(ctx, args)


features = typer.Typer(
    cls=FilesUnlessNamed,
    help=_HELP,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
features.command(_OF_FILES)(of_files)
features.command()(export)
