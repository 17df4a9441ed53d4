"""Checks how a lane cuts, pads and collects batches, on streams that stand in for CUDA's."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.gpu import lane as lane_module
from featurizer.gpu.lane import CudaLane
from featurizer.spec import GTZAN57

SPEC = replace(GTZAN57, window_samples=8, feature_names=("first", "last"))


class Moment:
    """An event or a stream that is always done; it notes how often it was waited for."""

    def __init__(self) -> None:
        self.recorded = self.waited = 0

    def record(self) -> None:
        self.recorded += 1

    def wait(self) -> None:
        self.waited += 1

    def synchronize(self) -> None:
        self.waited += 1


@pytest.fixture
def batches() -> list[int]:
    return []


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch, batches: list[int]) -> CudaLane:
    def first_and_last(windows: torch.Tensor) -> torch.Tensor:
        batches.append(len(windows))
        return windows[:, [0, -1]].double()

    monkeypatch.setattr(lane_module, "_stream", lambda _: Moment())
    monkeypatch.setattr(lane_module, "_event", Moment)
    monkeypatch.setattr(lane_module, "_page_locked", torch.zeros)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    return CudaLane(first_and_last, spec=SPEC, device=torch.device("cpu"), shapes=(2, 4, 16), launch="stream")


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, [2]), (2, [2]), (3, [4]), (5, [16]), (16, [16]), (17, [16, 2]), (53, [16, 16, 16, 16])],
)
def test_batches_are_cut_and_padded_to_the_shapes(
    lane: CudaLane, batches: list[int], n: int, expected: list[int]
) -> None:
    windows = np.arange(8 * n, dtype=np.float32).reshape(n, 8)
    features = lane(windows)
    assert batches == expected
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, windows[:, [0, -1]])


def test_the_result_does_not_depend_on_what_was_computed_before(lane: CudaLane) -> None:
    rng = np.random.default_rng(0)
    for n in (20, 1, 7, 40, 3):
        windows = rng.standard_normal((n, 8)).astype(np.float32)
        np.testing.assert_array_equal(lane(windows), windows[:, [0, -1]])


def test_windows_may_be_read_only_strided_or_backwards(lane: CudaLane) -> None:
    windows = np.arange(48, dtype=np.float32).reshape(3, 16)[::-1, ::2]
    windows.setflags(write=False)
    np.testing.assert_array_equal(lane(windows), windows[:, [0, -1]])
