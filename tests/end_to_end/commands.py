"""Runs the `genrestream` command as its users do: as a process of its own, with no terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 180.0
"""A start takes a few seconds on a free machine, and many on one that runs other tests."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output, one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        """The last line of standard output, a JSON object."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def command(*arguments: str | Path) -> list[str]:
    """Give the command line of `genrestream` in this environment."""
    return [sys.executable, "-m", "consumer.cli", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Give this process's environment without settings, with one thread a library."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GENRESTREAM_")}
    return {**kept, "OMP_NUM_THREADS": "1"}


def run(*arguments: str | Path, cwd: Path | None = None) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
