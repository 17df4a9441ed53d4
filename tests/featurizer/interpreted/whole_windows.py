"""Checks all Triton kernels together on whole windows, and the tuning on every edge case."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu import GpuBackend, GpuOptions
from featurizer.gpu.kernels import hpss as hpss_kernel
from featurizer.gpu.kernels.tuning import TuningKernels
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.stft import Stft
from featurizer.gpu.tuning import TuningEstimator
from featurizer.parity import compare
from featurizer.spec import GTZAN57
from tests.featurizer.signals import EDGE_CASES, music

CPU = torch.device("cpu")


def test_features_of_whole_windows_equal_the_torch_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    # Larger tiles than a GPU's, with the same work for each lane: the interpreter's time goes by programs.
    monkeypatch.setattr(hpss_kernel, "FRAMES", 64)
    monkeypatch.setattr(hpss_kernel, "BINS", 1_024)
    windows = music(3)[None]
    with_triton = GpuBackend(GTZAN57, device="cpu", options=GpuOptions(kernels="triton"))
    with_torch = GpuBackend(GTZAN57, device="cpu", options=GpuOptions(kernels="torch"))
    assert (with_triton.kernels, with_torch.kernels) == ("triton", "torch")
    parity = compare(with_triton(windows), with_torch(windows))
    assert parity.worst[1] <= 1e-6, parity
    assert parity.tempo_equal == 1


def test_tuning_equals_torchs_on_every_edge_case() -> None:
    windows = torch.from_numpy(np.stack([make() for make in EDGE_CASES.values()]))
    # Every sixth frame: a frame is a program, and the interpreter takes 10 ms for one.
    power = magnitude(Stft(GTZAN57, device=CPU).forward(windows)[:, ::6]).square()
    found = TuningKernels(GTZAN57, device=CPU)(power, loudest=power.amax(-1))
    expected = TuningEstimator(GTZAN57, device=CPU)(power)
    assert dict(zip(EDGE_CASES, found.tolist(), strict=True)) == dict(
        zip(EDGE_CASES, expected.tolist(), strict=True)
    )
