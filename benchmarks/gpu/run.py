"""Turns a machine with torch, torchaudio, Triton and numpy into ``result.json``: parity, speed and roofline.

``python benchmarks/gpu/run.py --out result.json`` needs nothing of this project installed. Its status is 1 if
a back end is further from librosa than allowed, or a kernel from its torch stage.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch
import torchaudio  # noqa: F401 - what it brings along is not ours

ALREADY = frozenset(sys.modules)
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.gpu import report  # noqa: E402 - the path comes first
from benchmarks.gpu.agreement import kernels_against_torch, oracle, parity  # noqa: E402
from benchmarks.gpu.environment import environment, imported_unwanted  # noqa: E402
from benchmarks.gpu.roofline import torch_work, triton_work  # noqa: E402
from benchmarks.gpu.throughput import from_host, on_device, one_song  # noqa: E402
from benchmarks.gpu.timing import against_roofline, copy_bytes_per_second, stage_seconds  # noqa: E402
from featurizer.gpu.backend import GpuBackend, GpuOptions, why_not_triton  # noqa: E402
from featurizer.gpu.eager import Eager  # noqa: E402
from featurizer.spec import GTZAN57  # noqa: E402


def main() -> int:
    """Measure, print, write; give the exit status."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    without_triton = why_not_triton(GTZAN57, device=device)
    result: dict[str, Any] = {"environment": environment(device), "no_triton": without_triton}
    with torch.inference_mode():
        result["parity"] = _parities(
            device, triton=without_triton is None, of_each=4 if arguments.quick else None
        )
        if without_triton is None:
            result["kernels"] = kernels_against_torch(device)
        if not arguments.parity_only:
            _measure(result, device=device, arguments=arguments, triton=without_triton is None)
    result["imported_unwanted"] = imported_unwanted(ALREADY)
    result["passed"] = (
        all(entry["passed"] for entry in result["parity"].values())
        and all(entry["passed"] for entry in result.get("kernels", {}).values())
        and not result["imported_unwanted"]
    )
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(report.text(result) + "\n")
    return 0 if result["passed"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--windows", type=int, default=4_096, help="windows in one call from host memory")
    parser.add_argument("--batches", default="16,32,64,128,256", help="batch sizes of the sweep")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="default: cuda where there is one")
    parser.add_argument(
        "--quick", action="store_true", help="few repeats, small batches, four windows of each kind"
    )
    parser.add_argument("--parity-only", action="store_true", help="no timing")
    arguments = parser.parse_args()
    arguments.batches = [int(batch) for batch in arguments.batches.split(",")]
    arguments.repeats = 10
    if arguments.quick:
        arguments.windows, arguments.batches = min(arguments.windows, 16), arguments.batches[:1]
        arguments.repeats = 2
    return arguments


def _options(device: torch.device, *, triton: bool) -> dict[str, GpuOptions]:
    """Name every way to work on this device."""
    launches = ("stream", "graph") if device.type == "cuda" else ("stream",)
    kernels = ("torch", "triton") if triton else ("torch",)
    return {
        f"{kernel} {precision} {launch}": GpuOptions(
            kernels=kernel,  # type: ignore[arg-type]  # literals of three loops
            precision=precision,
            launch=launch,  # type: ignore[arg-type]
        )
        for kernel in kernels
        for precision in ("double", "single")
        for launch in launches
    }


def _parities(device: torch.device, *, triton: bool, of_each: int | None) -> dict[str, Any]:
    return {
        name: parity(GpuBackend(GTZAN57, device=device.type, options=options), of_each=of_each)
        for name, options in _options(device, triton=triton).items()
    }


def _measure(
    result: dict[str, Any], *, device: torch.device, arguments: argparse.Namespace, triton: bool
) -> None:
    samples, _, _ = oracle()
    peak = copy_bytes_per_second(device)
    result["copy_gb_per_second"] = peak / 1e9
    ways: dict[str, Any] = {}
    result["stages"] = {}
    for precision in ("double", "single"):
        pipelines: dict[str, Any] = {"torch": Eager(GTZAN57, device=device, precision=precision)}
        if triton:
            from featurizer.gpu.fused import Fused  # noqa: PLC0415 - needs Triton

            pipelines["triton"] = Fused(GTZAN57, device=device, precision=precision)
        for name, pipeline in pipelines.items():
            ways[f"{name} {precision} stream"] = pipeline
            if device.type == "cuda":
                ways[f"{name} {precision} graph"] = pipeline
            batch = 64 if 64 in arguments.batches else arguments.batches[0]
            windows = torch.from_numpy(samples[:batch]).to(device)
            work = (triton_work if name == "triton" else torch_work)(GTZAN57, precision=precision)
            seconds = stage_seconds(pipeline, windows, repeats=arguments.repeats)
            result["stages"][f"{name} {precision}"] = against_roofline(
                seconds, work=work, batch=batch, peak=peak
            )
    result["on_device"] = on_device(
        ways, samples, device=device, batches=arguments.batches, repeats=arguments.repeats
    )
    result["from_host"], result["one_song"] = {}, {}
    for name, options in _options(device, triton=triton).items():
        backend = GpuBackend(GTZAN57, device=device.type, options=options)
        result["from_host"][name] = from_host(
            backend, samples, n=arguments.windows, repeats=arguments.repeats
        )
        result["one_song"][name] = one_song(backend, samples, repeats=5 * arguments.repeats)


if __name__ == "__main__":
    sys.exit(main())
