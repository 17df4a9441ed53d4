"""Checks that features from a CUDA device equal those from a CPU, and that batches may overlap there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from featurizer import GTZAN57, Featurizer
from featurizer.featurizer import CHUNK_WINDOWS
from featurizer.parity import TOLERANCE_SD, compare
from tests.featurizer.oracle import oracle_features
from tests.featurizer.signals import EDGE_CASES, N, music

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and there is none"),
]

CLICK_TOLERANCE_SD = 3e-2
"""Clicks have flat spectra, so rounding decides their tuning; librosa differs from itself by as much."""


@pytest.fixture(scope="module")
def cuda() -> Iterator[Featurizer]:
    with Featurizer(device="cuda") as made:
        made.warm_up()
        yield made


@pytest.fixture(scope="module")
def cpu() -> Iterator[Featurizer]:
    with Featurizer(device="cpu") as made:
        yield made


def test_synthetic_pieces_agree_with_the_cpu(cuda: Featurizer, cpu: Featurizer) -> None:
    windows = np.stack([music(seed) for seed in range(CHUNK_WINDOWS["cuda"] + 3)])
    parity = compare(cuda(windows), cpu(windows))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal >= 0.99, parity


def test_synthetic_pieces_agree_with_librosa(cuda: Featurizer) -> None:
    windows = np.stack([music(seed) for seed in range(12)])
    parity = compare(cuda(windows), oracle_features(windows))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_agree_with_the_cpu(cuda: Featurizer, cpu: Featurizer, name: str) -> None:
    window = EDGE_CASES[name]()[None]
    features = cuda(window)
    assert np.isfinite(features).all()
    parity = compare(features, cpu(window))
    assert parity.worst[1] <= (CLICK_TOLERANCE_SD if "click" in name else TOLERANCE_SD), parity


def test_a_windows_features_do_not_depend_on_its_neighbours(cuda: Featurizer) -> None:
    windows = np.stack([music(seed) for seed in range(5)])
    alone = np.concatenate([cuda(window[None]) for window in windows])
    parity = compare(cuda(windows), alone)
    assert parity.worst[1] <= 1e-4, parity
    assert parity.tempo_equal == 1, parity


def test_overlapping_batches_do_not_disturb_each_other(cuda: Featurizer) -> None:
    batches = [np.stack([music(seed + k) for k in range(8)]) for seed in range(8)]
    futures = [cuda.submit(batch) for batch in batches]
    for batch, future in zip(batches, futures, strict=True):
        parity = compare(future.result(timeout=120), cuda(batch))
        assert parity.worst[1] <= 1e-6, parity


def test_memory_stays_bounded_whatever_the_batch(cuda: Featurizer) -> None:
    chunk = CHUNK_WINDOWS["cuda"]
    windows = np.zeros((5 * chunk, N), dtype=np.float32)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    assert cuda(windows[:chunk]).shape == (chunk, GTZAN57.width)
    one_chunk = torch.cuda.max_memory_allocated()
    cuda(windows)
    assert torch.cuda.max_memory_allocated() <= 1.1 * one_chunk


def test_auto_takes_the_cuda_device() -> None:
    with Featurizer() as automatic:
        assert automatic.device == "cuda"
