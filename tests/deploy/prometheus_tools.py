"""Turns a name of Debian's package `prometheus` into a program: from PATH, or unpacked into a cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.paths import REPOSITORY

PROMETHEUS: Final = REPOSITORY / "deploy" / "prometheus"
_CACHE: Final = REPOSITORY / ".cache" / "tools" / "prometheus"


def program(name: str) -> Path:
    """Find `prometheus` or `promtool`, fetched without root where apt is; else skip the test."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    kept = _CACHE / "usr" / "bin" / name
    if not kept.exists():
        _unpack()
    return kept


def promtool(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run promtool in deploy/prometheus."""
    return subprocess.run(
        [program("promtool"), *arguments],
        cwd=PROMETHEUS,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=240,
    )


def _unpack() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("no promtool here: install Prometheus")
    _CACHE.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(
        ["apt-get", "download", "prometheus"], cwd=_CACHE, capture_output=True, check=False, timeout=240
    )
    packages = sorted(_CACHE.glob("prometheus_*.deb"))
    if fetched.returncode or not packages:
        pytest.skip("no promtool here, and apt-get cannot fetch it: install Prometheus")
    subprocess.run(["dpkg", "-x", packages[-1], _CACHE], check=True, capture_output=True)
