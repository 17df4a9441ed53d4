"""Checks the harmonic mask in machine code against scipy's medians and the torch stage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.cpu.layout import TILE
from featurizer.gpu.hpss import soft_mask
from featurizer.gpu.median import sliding_median
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_stages import NAMES, Stages
from tests.featurizer.cpu_windows import lanes_of, oracle_magnitude, window


def masks(stages: Stages, name: str) -> np.ndarray:
    """The mask of a window, shape [n_bins, lanes]; magnitudes are the oracle's."""
    stages.load(window(name))
    stages.scratch.magnitude[:] = lanes_of(oracle_magnitude(name))
    return np.concatenate([stages.mask(block) for block in range(stages.layout.n_blocks)], axis=1)


def expected_mask(name: str) -> np.ndarray:
    """The torch stages' mask, shape [n_bins, n_frames]."""
    spectrum = oracle_magnitude(name)
    along_time = sliding_median(spectrum, size=31)
    along_frequency = sliding_median(spectrum.transpose(1, 2).contiguous(), size=31).transpose(1, 2)
    mask: torch.Tensor = soft_mask(along_time, along_frequency)
    return mask[0].numpy().T


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_equals_the_torch_stages(name: str) -> None:
    stages = Stages()
    found = masks(stages, name)
    expected = expected_mask(name)
    # Squares of what is below 1e-18 of the window's peak underflow, and librosa takes what is below the
    # smallest normal float for silence: either way a mask is 0.5 that the other side makes a share.
    magnitude = lanes_of(oracle_magnitude(name))[:, : GTZAN57.n_frames]
    audible = magnitude > max(1e-18 * stages.unscale, 1e-35)
    np.testing.assert_allclose(found[:, : GTZAN57.n_frames][audible], expected[audible], rtol=0, atol=3e-7)
    assert not found[:, GTZAN57.n_frames :].any()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_silent_bin_is_half_harmonic() -> None:
    found = masks(Stages(), "silence")
    np.testing.assert_array_equal(found[:, : GTZAN57.n_frames], 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8])
def test_the_mask_is_the_same_bits_at_every_width(lanes: int) -> None:
    narrow, wide = (masks(Stages(lanes=width), "music 0") for width in (lanes, 16))
    assert narrow.shape[1] % TILE == 0
    np.testing.assert_array_equal(narrow, wide)
