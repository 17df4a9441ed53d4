"""Turns the machine and its libraries into a few words, so that a reader can judge times."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from training.benchmark.store import library_versions


def describe_machine(*, n_processes: int) -> dict[str, str]:
    """Name the processor, the processes that fitted, Python and the libraries."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
        "processes": f"{n_processes} of one thread each",
        "python": platform.python_version(),
        **library_versions(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
