"""Turns the machine into the facts that a figure needs beside it, unwanted imports among them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio

REPOSITORY = Path(__file__).resolve().parents[2]
UNWANTED = ("pydantic", "numba", "librosa", "scipy", "soundfile", "structlog", "sklearn", "pandas")
"""What the rest of the project uses and a bare machine lacks."""


def environment(device: torch.device) -> dict[str, Any]:
    """Give card, driver, versions and commit."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchaudio": torchaudio.__version__,
        "numpy": np.__version__,
        "triton": _triton(),
        "cuda": torch.version.cuda,
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "commit": _said("git", "-C", str(REPOSITORY), "rev-parse", "HEAD"),
        "device": device.type,
    }
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        found |= {
            "gpu": card.name,
            "capability": f"{card.major}.{card.minor}",
            "multiprocessors": card.multi_processor_count,
            "memory_gib": round(card.total_memory / 2**30, 1),
            "driver": _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        }
    return found


def imported_unwanted(before: frozenset[str]) -> list[str]:
    """Name what this project's imports brought along that a bare machine lacks."""
    return sorted(name for name in UNWANTED if name in sys.modules and name not in before)


def _triton() -> str | None:
    try:
        import triton  # noqa: PLC0415 - may be absent
    except ImportError:
        return None
    return str(triton.__version__)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _said(*command: str) -> str | None:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()
