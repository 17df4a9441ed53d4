"""On a real card: Triton's kernels give what the torch stages give, in every way of launching them."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from featurizer.gpu import GpuBackend, GpuOptions
from featurizer.gpu.backend import why_not_triton
from featurizer.parity import TOLERANCE_SD, compare
from featurizer.spec import GTZAN57
from tests.featurizer.signals import EDGE_CASES, music
from tests.paths import REPOSITORY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and there is none"),
]

CUDA = torch.device("cuda")
SMALL = (4, 16)


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    return np.stack([*(music(seed) for seed in range(21)), *(make() for make in EDGE_CASES.values())])


@pytest.fixture(scope="module")
def eager(windows: np.ndarray) -> np.ndarray:
    options = GpuOptions(kernels="torch", precision="double", launch="stream", shapes=SMALL)
    features: np.ndarray = GpuBackend(GTZAN57, device="cuda", options=options)(windows)
    return features


def triton(**options: object) -> GpuBackend:
    reason = why_not_triton(GTZAN57, device=CUDA)
    if reason:
        pytest.skip(f"Triton's kernels do not run here: {reason}")
    chosen = {"kernels": "triton", "precision": "double", "shapes": SMALL, **options}
    return GpuBackend(GTZAN57, device="cuda", options=GpuOptions(**chosen))  # type: ignore[arg-type]  # by name


def test_triton_is_what_a_modern_card_takes() -> None:
    if torch.cuda.get_device_capability() >= (8, 0):
        assert GpuBackend(GTZAN57, device="cuda", options=GpuOptions(shapes=(1,))).kernels == "triton"


@pytest.mark.parametrize("launch", ["stream", "graph"])
def test_triton_agrees_with_torch_on_music_and_every_edge_case(
    launch: str, windows: np.ndarray, eager: np.ndarray
) -> None:
    parity = compare(triton(launch=launch)(windows), eager)
    assert parity.worst[1] <= 1e-4, parity
    assert parity.tempo_equal == 1, parity


def test_a_replayed_graph_gives_the_bits_of_a_first_launch(windows: np.ndarray) -> None:
    graphs = triton(launch="graph")
    first = graphs(windows)
    np.testing.assert_array_equal(first, triton(launch="stream")(windows))
    for _ in range(5):
        graphs(windows[::-1].copy())
        np.testing.assert_array_equal(graphs(windows), first)


def test_single_precision_agrees_on_music(eager: np.ndarray, windows: np.ndarray) -> None:
    parity = compare(triton(precision="single")(windows[:21]), eager[:21])
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity


def test_page_locked_windows_give_the_same_as_others(windows: np.ndarray) -> None:
    backend = triton()
    pinned = torch.empty(windows.shape, pin_memory=True)
    pinned.numpy()[...] = windows
    frozen = windows.copy()
    frozen.setflags(write=False)
    expected = backend(windows)
    np.testing.assert_array_equal(backend(pinned.numpy()), expected)
    np.testing.assert_array_equal(backend(frozen), expected)


def test_many_threads_at_once_do_not_disturb_each_other(windows: np.ndarray) -> None:
    backend = triton()
    expected = backend(windows)
    batches = [windows[start : start + 1 + start % 9] for start in range(40)]
    with ThreadPoolExecutor(6) as callers:
        for _ in range(5):
            for start, features in enumerate(callers.map(backend, batches)):
                np.testing.assert_array_equal(features, expected[start : start + len(features)])


def test_a_failed_call_leaves_its_lane_usable(windows: np.ndarray) -> None:
    backend = triton()
    for _ in range(5):
        with pytest.raises(ValueError, match="could not broadcast"):
            backend(np.zeros((2, 5), dtype=np.float32))
    assert np.isfinite(backend(windows[:2])).all()


@pytest.mark.slow
def test_the_benchmark_passes_its_parity(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = [sys.executable, "benchmarks/gpu/run.py", "--out", str(out), "--parity-only"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert all(entry["passed"] for entry in json.loads(out.read_text())["kernels"].values())
