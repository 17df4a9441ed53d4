"""Runs the checks of the Triton kernels in its interpreter, and compiles every kernel for real cards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from featurizer.gpu import median_source
from tests.paths import REPOSITORY

FOLDER = Path(__file__).with_name("interpreted")


def test_the_median_in_the_tree_is_what_its_program_gives() -> None:
    """If this fails, run ``python -m featurizer.gpu.median_source``."""
    kept = Path(median_source.__file__).with_name("kernels") / "median_31.py"
    assert kept.read_text() == median_source.median_source()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["few_frames", "whole_windows"])
def test_kernels_agree_with_torch_in_tritons_interpreter(name: str) -> None:
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER / f"{name}.py")]
    run = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert run.returncode == 0, run.stdout[-4_000:] + run.stderr[-2_000:]
    assert re.search(r"\d+ passed", run.stdout)


@dataclass(frozen=True)
class Kernel:
    """A kernel as its launcher calls it for a window of `gtzan57`."""

    module: str
    name: str
    arguments: dict[str, str]
    constants: dict[str, Any]
    num_warps: int = 4
    divisible: tuple[str, ...] = field(default=())


TINY = 1.1754943508222875e-38
HALF = {"HALF": 1024, "BIN_HZ": 22_050 / 2_048}
REDUCED = {
    "magnitude": "*fp32",
    "power": "*fp32",
    "loudest": "*fp32",
    "centroid": "*fp64",
    "bandwidth": "*fp64",
}
PEAKS = {"power": "*fp32", "loudest": "*fp32", "edges": "*fp32", "height": "*fp32", "bins": "*i32"}
TUNING = {"height": "*fp32", "bins": "*i32", "count": "*i32", "tuning": "*i64", "capacity": "i32"}
CHROMA = {"power": "*fp32", "tuning": "*i64", "filters": "*fp32", "chroma": "*fp32", "n_frames": "i32"}
PITCH = {"FIRST": 14, "N_PITCHES": 358, "WIDTH": 512, "SAMPLE_RATE": 22_050.0, "N_FFT": 2_048, "SHARE": 0.1}
STEPS = {"A0": 27.5, "STEPS_PER_OCTAVE": 1_200, "FIRST_STEP": 2_865, "N_EDGES": 5_811, "N_BINS": 100}
SUMS = {"sums": "*fp64", "n_samples": "i32", "n_frames": "i32"}
KERNELS = [
    Kernel(
        "spectral",
        "_reduce_frame",
        {"spectrum": "*fp64", "rounded": "*fp32", **REDUCED, "width": "i32"},
        {**HALF, "TINY": TINY, "DOUBLE": True},
        divisible=("width",),
    ),
    Kernel(
        "spectral",
        "_reduce_frame",
        {"spectrum": "*fp32", "rounded": "*fp32", **REDUCED, "width": "i32"},
        {**HALF, "TINY": TINY, "DOUBLE": False},
        divisible=("width",),
    ),
    Kernel(
        "spectral",
        "_find_rolloff",
        {"magnitude": "*fp32", "rolloff": "*fp64", "n_rows": "i32", "width": "i32"},
        {**HALF, "PERCENT": 0.85, "LANES": 32},
        num_warps=1,
        divisible=("width",),
    ),
    Kernel(
        "hpss",
        "_scale_tile",
        {"spectrum": "*fp32", "magnitude": "*fp32", "n_frames": "i32", "n_bins": "i32", "row_stride": "i32"},
        {"FRAMES": 16, "BINS": 128, "RUN": 16, "REACH": 15, "TINY": TINY},
        divisible=("row_stride",),
    ),
    Kernel(
        "overlap_add",
        "_add_block",
        {**dict.fromkeys(("frames", "windows", "taper", "gain"), "*fp32"), **SUMS},
        {"HOP": 512, "N_FFT": 2_048},
    ),
    Kernel(
        "tuning",
        "_find_peaks",
        {**PEAKS, "count": "*i32", "n_frames": "i32", "row_stride": "i32", "capacity": "i32"},
        {**PITCH, **STEPS},
        divisible=("row_stride",),
    ),
    Kernel("tuning", "_choose_tuning", TUNING, {"N_BINS": 100, "ROOM": 128, "BLOCK": 1_024}),
    Kernel(
        "chroma",
        "_project",
        {**CHROMA, "row_stride": "i32"},
        {"HALF": 1_024, "N_CHROMA": 12, "FRAMES": 32, "BINS": 64, "COLUMNS": 16, "TINY": TINY},
        divisible=("row_stride",),
    ),
]


def registers_and_spills(kernel: Kernel, *, capability: int, folder: Path) -> tuple[int, int]:
    """Compile for a card that need not be here; give registers a thread and bytes spilled."""
    import importlib  # noqa: PLC0415

    import triton  # noqa: PLC0415
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource  # noqa: PLC0415

    module = importlib.import_module(f"featurizer.gpu.kernels.{kernel.module}")
    function = getattr(module, kernel.name)
    names = function.arg_names
    assert set(names) == {*kernel.arguments, *kernel.constants}
    aligned = [name for name, kind in kernel.arguments.items() if kind[0] == "*" or name in kernel.divisible]
    source = ASTSource(
        fn=function,
        signature={name: kernel.arguments.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in kernel.constants.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    options = {"num_warps": kernel.num_warps, "enable_fp_fusion": False}
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert not re.search(r"fma\.rn\.f32", compiled.asm["ptx"]) or kernel.name == "_project"
    ptx = folder / "kernel.ptx"
    ptx.write_text(compiled.asm["ptx"])
    assembler = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"
    architecture = f"sm_{capability}{'a' if capability >= 90 else ''}"
    command = [str(assembler), "-v", f"-arch={architecture}", str(ptx), "-o", os.devnull]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers, spilled = (
        re.search(r"Used (\d+) registers", said),
        re.search(r"(\d+) bytes spill stores", said),
    )
    assert registers is not None
    assert spilled is not None
    return int(registers[1]), int(spilled[1])


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_compiles_for_an_h100_and_keeps_its_values_in_registers(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    registers, spilled = registers_and_spills(kernel, capability=90, folder=tmp_path)
    # Two blocks of 128 threads and more fit on a multiprocessor of 65,536 registers.
    assert registers <= 128
    assert spilled <= 16
