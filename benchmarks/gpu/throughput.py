"""Turns back ends into windows a second, from device and host memory, and into one song's latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.timing import host_seconds_of, percentiles, seconds_of
from featurizer.gpu.backend import GpuBackend
from featurizer.gpu.lane import CudaLane
from featurizer.spec import GTZAN57

SONG_WINDOWS = 10
CALLERS = 2


def rates(windows: int, seconds: float) -> dict[str, float]:
    """Give windows and songs a second."""
    return {"windows_per_second": windows / seconds, "songs_per_second": windows / SONG_WINDOWS / seconds}


def on_device(
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]],
    samples: NDArray[np.float32],
    *,
    device: torch.device,
    batches: Iterable[int],
    repeats: int,
) -> dict[str, dict[str, dict[str, float]]]:
    """Time features of windows that are on the device, by batch size; the ways take turns."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in ways}
    for batch in batches:
        rows = np.resize(np.arange(len(samples)), batch)
        windows = torch.from_numpy(samples[rows]).to(device)
        prepared = {name: _prepared(way, windows, graph=name.endswith("graph")) for name, way in ways.items()}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, work in prepared.items():
                times[name] += seconds_of(work, device=device, repeats=3)
        for name, taken in times.items():
            found[name][str(batch)] = rates(batch, median(taken))
        del prepared
    return found


def _prepared(
    way: Callable[[torch.Tensor], torch.Tensor], windows: torch.Tensor, *, graph: bool
) -> Callable[[], object]:
    if not graph:
        return lambda: way(windows)
    with torch.inference_mode():
        lane = CudaLane(way, spec=GTZAN57, device=windows.device, shapes=(len(windows),), launch="graph")
    torch.cuda.synchronize(windows.device)
    return lambda: lane.compute(windows)


def from_host(backend: GpuBackend, samples: NDArray[np.float32], *, n: int, repeats: int) -> dict[str, Any]:
    """Time windows in host memory to features in host memory: pageable and pinned, one and two callers."""
    rows = np.resize(np.arange(len(samples)), n)
    memories = {"pageable": samples[rows]}
    if torch.cuda.is_available():
        pinned = torch.empty((n, GTZAN57.window_samples), pin_memory=True)
        pinned.numpy()[...] = samples[rows]
        memories["pinned"] = pinned.numpy()
    found: dict[str, Any] = {}
    with ThreadPoolExecutor(CALLERS) as callers:
        for name, windows in memories.items():
            halves = np.array_split(windows, CALLERS)
            one = host_seconds_of(lambda given=windows: backend(given), repeats=repeats)  # type: ignore[misc]
            two = host_seconds_of(
                lambda given=halves: list(callers.map(backend, given)),  # type: ignore[misc]
                repeats=repeats,
            )
            found[f"{name}, one caller"] = rates(n, median(one))
            found[f"{name}, two callers"] = rates(n, median(two))
    return found


def one_song(backend: GpuBackend, samples: NDArray[np.float32], *, repeats: int) -> dict[str, float]:
    """Time one song of ten windows, pageable memory to features, alone on the device."""
    song = samples[:SONG_WINDOWS]
    return percentiles(host_seconds_of(lambda: backend(song), repeats=repeats))
