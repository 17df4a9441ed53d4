"""Checks which kernels a GPU back end takes, and that what it cannot do is said."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.gpu import GpuBackend, GpuOptions
from featurizer.gpu.backend import default_precision, why_not_triton
from featurizer.parity import TOLERANCE_SD, compare
from featurizer.spec import GTZAN57
from tests.featurizer.signals import EDGE_CASES, music, tone

CPU = torch.device("cpu")


def test_a_cpu_takes_the_torch_stages_in_double_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="featurizer"):
        backend = GpuBackend(GTZAN57, device="cpu")
    assert (backend.kernels, backend.precision) == ("torch", "double")
    assert [record.getMessage() for record in caplog.records] == [
        "featurizer back end: device=cpu kernels=torch precision=double launch=stream "
        "(no Triton: the device is a CPU)"
    ]


def test_triton_is_not_taken_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert why_not_triton(GTZAN57, device=torch.device("cuda")) == "triton is not installed"


def test_triton_is_not_taken_on_a_card_or_for_a_feature_set_that_it_cannot_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    cuda = torch.device("cuda")
    for capability, works in (((7, 5), False), ((8, 0), True), ((9, 0), True), ((12, 0), True)):
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda _, found=capability: found)
        assert (why_not_triton(GTZAN57, device=cuda) is None) is works
    assert "hpss_kernel=15" in str(why_not_triton(replace(GTZAN57, hpss_kernel=15), device=cuda))


@pytest.mark.parametrize(
    ("capability", "precision"), [((8, 0), "double"), ((9, 0), "double"), ((8, 9), "single")]
)
def test_the_transform_is_double_where_the_card_has_fast_double_units(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    assert default_precision(torch.device("cuda")) == precision


def test_tritons_kernels_are_refused_on_a_cpu() -> None:
    with pytest.raises(ValueError, match="the device is a CPU"):
        GpuBackend(GTZAN57, device="cpu", options=GpuOptions(kernels="triton"))


@pytest.mark.slow
def test_kernels_that_cannot_be_built_give_way_to_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("triton")

    class Unbuildable:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __call__(self, windows: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("Failed to find C compiler.")

    monkeypatch.setattr("featurizer.gpu.fused.Fused", Unbuildable)
    monkeypatch.setattr("featurizer.gpu.backend.why_not_triton", lambda *_, **__: None)
    with caplog.at_level(logging.INFO, logger="featurizer"):
        backend = GpuBackend(GTZAN57, device="cpu")
    assert backend.kernels == "torch"
    assert "(no Triton: RuntimeError: Failed to find C compiler.)" in caplog.text
    assert np.isfinite(backend(tone(440.0)[None])).all()
    with pytest.raises(RuntimeError, match="C compiler"):
        GpuBackend(GTZAN57, device="cpu", options=GpuOptions(kernels="triton"))(tone(440.0)[None])


def test_single_precision_agrees_on_music_and_less_on_a_tone() -> None:
    windows = np.stack([music(0), music(1), tone(440.0)])
    double, single = (
        GpuBackend(GTZAN57, device="cpu", options=GpuOptions(precision=precision))(windows)
        for precision in ("double", "single")
    )
    assert compare(single[:2], double[:2]).worst[1] <= TOLERANCE_SD
    assert TOLERANCE_SD < compare(single[2:], double[2:]).worst[1] <= 1e-2


def test_a_window_gives_the_same_bits_alone_and_among_others() -> None:
    backend = GpuBackend(GTZAN57, device="cpu")
    windows = np.stack([music(0), EDGE_CASES["silence"](), EDGE_CASES["white noise"]()])
    together = backend(windows)
    alone = np.concatenate([backend(window[None]) for window in windows])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_back_end_needs_torch_torchaudio_triton_and_numpy_only() -> None:
    allowed = {"featurizer", "torch", "torchaudio", "torchgen", "triton", "numpy"}
    program = f"""
import sys
from importlib.metadata import packages_distributions
import torch, torchaudio
before = set(sys.modules)
import featurizer.gpu, featurizer.gpu.fused, featurizer.parity, featurizer.tables
new = {{name.partition('.')[0] for name in set(sys.modules) - before}}
third_party = (new & set(packages_distributions())) - {allowed}
print(sorted(third_party))
sys.exit(bool(third_party))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
