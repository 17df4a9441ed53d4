"""The driver is asked for its devices without torch, and a driver that fails counts as none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from featurizer.devices import cuda_devices


def driver(folder: Path, *, init: int, count: int) -> str:
    """Build a stand-in for the driver's library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to build a stand-in for the driver")
    source = folder / "driver.c"
    source.write_text(
        f"int cuInit(unsigned int flags) {{ return {init}; }}\n"
        f"int cuDeviceGetCount(int *count) {{ *count = {count}; return 0; }}\n"
    )
    library = folder / f"driver-{init}-{count}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def test_the_drivers_devices_are_counted(tmp_path: Path) -> None:
    assert cuda_devices(driver(tmp_path, init=0, count=2)) == 2


def test_a_driver_without_devices_has_none(tmp_path: Path) -> None:
    assert cuda_devices(driver(tmp_path, init=0, count=0)) == 0


def test_a_driver_that_cannot_start_has_no_devices(tmp_path: Path) -> None:
    assert cuda_devices(driver(tmp_path, init=100, count=2)) == 0


def test_no_driver_has_no_devices(tmp_path: Path) -> None:
    assert cuda_devices(str(tmp_path / "libcuda.so.1")) == 0
