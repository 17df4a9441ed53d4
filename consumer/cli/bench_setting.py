"""Turns options of the `bench` commands into what they measure with, and results into output."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.table import Table

from consumer.bench.broker import Broker, open_broker
from consumer.bench.environment import describe
from consumer.cli.options import UsageError, model_overrides, settings_from
from consumer.cli.terminal import complain, print_table, write_json
from consumer.config import Settings
from consumer.logs import configure_command_logs
from featurizer.window_policy import WindowPolicy


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that lives as long as the body."""
    with tempfile.TemporaryDirectory(prefix="genrestream-bench-") as name:
        yield Path(name)


@contextmanager
def real_broker(bootstrap_servers: str | None) -> Iterator[Broker]:
    """Open the broker that is named, or one of our own; SIGTERM ends the body as Ctrl-C does.

    Raises
    ------
    SettingsError
        There is neither.
    """
    if bootstrap_servers is None:
        complain("starting a broker ...")
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with open_broker(bootstrap_servers) as broker:
            yield broker
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def service_settings(
    config: Path | None, *, device: str | None, model: str | None, windows: str | None
) -> Settings:
    """Read the settings of the worker to measure, and let this command speak of errors only.

    Raises
    ------
    SettingsError
        As `load_settings` does.
    """
    overrides: dict[str, dict[str, Any]] = {
        "worker": {"device": device},
        "decode": {"window_policy": windows},
        "model": model_overrides(model),
    }
    settings = settings_from(config, overrides=overrides)
    configure_command_logs(settings.log, verbose=False)
    return settings


def heard(settings: Settings) -> dict[str, Any]:
    """Say how much of a track the worker hears; librosa's side always hears all of it."""
    return {
        "window_policy": str(settings.decode.window_policy),
        "early_stop_confidence": settings.early_stop.confidence,
    }


def parse_policies(words: list[str]) -> list[WindowPolicy]:
    """Read `--policy`.

    Raises
    ------
    UsageError
        One is not a policy.
    """
    try:
        return [WindowPolicy.parse(one) for one in words]
    except ValueError as exc:
        raise UsageError(f"--policy: {exc}") from exc


def tell(
    name: str,
    result: dict[str, Any],
    *,
    as_json: bool,
    tables: Callable[[dict[str, Any]], Iterable[Table]],
) -> int:
    """Write a result with what it was measured on, as JSON or as tables; give the exit status."""
    whole = {"bench": name, **result, "environment": describe()}
    if as_json:
        write_json(whole)
        return 0
    for table in tables(whole):
        print_table(table)
    return 0
