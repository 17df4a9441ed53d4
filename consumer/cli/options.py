"""Names the options that several commands share, and turns what was typed into settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from consumer.config import Settings

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings in TOML; GENRESTREAM_CONFIG names it otherwise.",
        rich_help_panel="Settings",
    ),
]
BootstrapServers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        metavar="HOST:PORT,...",
        help="Kafka brokers to start from.",
        show_default="kafka.bootstrap_servers, else 127.0.0.1:9092",
        rich_help_panel="Settings",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        "-g",
        metavar="NAME",
        help="Consumer group.",
        show_default="kafka.group, else genrestream",
        rich_help_panel="Settings",
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(
        "--device",
        help="Where features and scores are computed; auto takes a GPU where there is one.",
        rich_help_panel="Settings",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME[@VERSION]",
        help="Model of the registry.",
        show_default="model.name, else gtzan57-mlp@latest",
        rich_help_panel="Settings",
    ),
]
Windows = Annotated[
    str | None,
    typer.Option(
        "--windows",
        metavar="all|first:N|spread:N",
        help="Which 3-second windows of a track are used: all, the first N, or N spread over it.",
        show_default="decode.window_policy, else all",
        rich_help_panel="Settings",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object a line on standard output.", rich_help_panel="Output"),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Log what happens to standard error.", rich_help_panel="Output"),
]


class UsageError(typer.TyperException):
    """What was typed makes no sense together; ends the command as any wrong usage does."""

    exit_code = 2


def settings_from(
    config: Path | None, *, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Read the settings, with what was typed on top; an override of None was not typed.

    Raises
    ------
    SettingsError
        As `load_settings` does.
    """
    from consumer.config import load_settings

    typed = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in (overrides or {}).items()
    }
    return load_settings(config, overrides={section: values for section, values in typed.items() if values})


def model_overrides(model: str | None) -> dict[str, str | None]:
    """Split `NAME[@VERSION]` into the settings' two."""
    if model is None:
        return {}
    name, _, version = model.partition("@")
    return {"name": name, "version": version or None}
