"""Turns Go modules into what tests need of them: folders of schemas, and tools built into a cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import REPOSITORY

_TOOLS = REPOSITORY / ".cache" / "tools"


def _go(*arguments: str, **environment: str) -> str:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: install Go 1.24 or newer")
    done = subprocess.run(
        [go, *arguments],
        cwd=_folder(),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        pytest.skip(f"go {' '.join(arguments)}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def _folder() -> Path:
    # Outside any module: a go.mod above would be asked for the versions.
    _TOOLS.mkdir(parents=True, exist_ok=True)
    return _TOOLS


def module_folder(module: str, *, version: str) -> Path:
    """Give the folder of a module's files, fetched where it is not in Go's own cache; else skip the test."""
    return Path(json.loads(_go("mod", "download", "-json", f"{module}@{version}"))["Dir"])


def tool(package: str, *, version: str) -> Path:
    """Give a program built from a Go package, kept under `.cache/tools`; else skip the test."""
    folder = _folder() / f"{package.replace('/', '_')}@{version}"
    if not folder.is_dir():
        _go("install", f"{package}@{version}", GOBIN=str(folder))
    (program,) = folder.iterdir()
    return program
