"""Turns work on a device into seconds: events on a GPU, a clock on a CPU, medians over repeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median, quantiles
from typing import Any

import torch

from benchmarks.gpu.roofline import Work

COPY_BYTES = 2**30


def seconds_of(work: Callable[[], object], *, device: torch.device, repeats: int) -> list[float]:
    """Time each of `repeats` runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        if device.type == "cuda":
            start, end = _event(), _event()
            torch.cuda.synchronize(device)
            start.record()
            work()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        else:
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return times


def host_seconds_of(work: Callable[[], object], *, repeats: int) -> list[float]:
    """Time runs that end with their results on the host."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return times


def stage_seconds(
    features: Callable[..., torch.Tensor], windows: torch.Tensor, *, repeats: int
) -> dict[str, float]:
    """Give the median seconds of each stage that `features` marks, a batch."""
    samples: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        marks = _marks(features, windows)
        for (_, before), (name, after) in pairwise(marks):
            if repeat:
                samples.setdefault(name, []).append(_between(before, after))
    return {name: median(times) for name, times in samples.items()}


def _marks(features: Callable[..., torch.Tensor], windows: torch.Tensor) -> list[tuple[str, Any]]:
    marks: list[tuple[str, Any]] = []

    def mark(name: str) -> None:
        if windows.device.type == "cuda":
            moment = _event()
            moment.record()
            marks.append((name, moment))
        else:
            marks.append((name, time.perf_counter()))

    mark("start")
    features(windows, mark=mark)
    if windows.device.type == "cuda":
        torch.cuda.synchronize(windows.device)
    return marks


def _between(before: Any, after: Any) -> float:
    if isinstance(before, float):
        return float(after) - before
    return float(before.elapsed_time(after)) / 1e3


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch: untyped


def copy_bytes_per_second(device: torch.device) -> float:
    """Measure a copy within the device's memory, bytes read and written."""
    n = COPY_BYTES if device.type == "cuda" else COPY_BYTES // 16
    source = torch.zeros(n, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * n / median(seconds_of(lambda: target.copy_(source), device=device, repeats=10))


def against_roofline(
    seconds: dict[str, float], *, work: dict[str, Work], batch: int, peak: float
) -> dict[str, dict[str, float]]:
    """Set each stage's time beside its bytes: what it achieved of the copy's bytes a second."""
    rows = {}
    for name, taken in seconds.items():
        moved = work[name].bytes * batch
        rows[name] = {
            "us_per_window": 1e6 * taken / batch,
            "mb_per_window": work[name].bytes / 1e6,
            "mflop_per_window": (work[name].flops + work[name].flops_double) / 1e6,
            "gb_per_second": moved / taken / 1e9,
            "share_of_copy": moved / taken / peak,
        }
    return rows


def percentiles(times: list[float]) -> dict[str, float]:
    """Give median, 95th and 99th percentile in seconds."""
    cuts = quantiles(times, n=100, method="inclusive")
    return {"n": len(times), "p50": median(times), "p95": cuts[94], "p99": cuts[98]}
