"""Turns the machine and the installation into the facts that a figure means nothing without."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from consumer.pipeline.cores import available_cores

_LIBRARIES: Final = (
    *("genrestream", "av", "confluent-kafka", "librosa", "llvmlite", "numba", "numpy"),
    *("onnxruntime", "onnxruntime-gpu", "scipy", "soundfile", "soxr", "torch", "torchaudio", "triton"),
)
_CPU_INFO: Final = Path("/proc/cpuinfo")
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def describe() -> dict[str, Any]:
    """Give versions, CPU model, cores and commit, as JSON-ready data.

    `commit` is null outside a checkout, and ends in `-dirty` where tracked files are changed.
    `load_average` is that of the last minute: a figure taken on a busy machine says so.
    """
    return {
        "commit": commit(_CHECKOUT),
        "cores": available_cores(),
        "cpu": cpu_model(_CPU_INFO),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def cpu_model(cpu_info: Path) -> str:
    """Give the CPU's name as Linux tells it; elsewhere as Python does."""
    if cpu_info.is_file():
        for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def commit(folder: Path) -> str | None:
    """Give the commit that a folder is a checkout of, or None."""
    if not (folder / ".git").exists():
        return None
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return f"{head}-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else head


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10.0,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
