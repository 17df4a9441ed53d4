"""Checks loudness and zero crossings on signals whose values are known, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.time_domain import rms, zero_crossing_rate
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import EDGE_CASES, N, music, noise


def rms_of(window: np.ndarray) -> np.ndarray:
    result: np.ndarray = rms(torch.from_numpy(window[None]), spec=GTZAN57)[0].numpy()
    return result


def crossings_of(window: np.ndarray) -> np.ndarray:
    result: np.ndarray = zero_crossing_rate(torch.from_numpy(window[None]), spec=GTZAN57)[0].numpy()
    return result


def test_rms_pads_with_zeros() -> None:
    constant = np.full(N, 0.5, dtype=np.float32)
    assert rms_of(constant).shape == (GTZAN57.n_frames,)
    assert rms_of(constant)[60] == 0.5
    assert rms_of(constant)[0] == pytest.approx(0.5 * np.sqrt(0.5))


def test_every_sample_of_an_alternating_signal_crosses_zero_but_a_frames_first() -> None:
    alternating = EDGE_CASES["alternating samples"]()
    assert crossings_of(alternating)[60] == 2_047 / 2_048
    # Of frame 0 the padding does not cross: it repeats the first sample.
    assert crossings_of(alternating)[0] == 1_023 / 2_048


@pytest.mark.parametrize(("level", "crosses"), [(1e-10, False), (2e-10, True)])
def test_samples_up_to_1e_10_count_as_positive(level: float, *, crosses: bool) -> None:
    window = np.full(N, 1e-10, dtype=np.float32)
    window[30_000] = -level
    assert crossings_of(window).any() == crosses


def test_zero_is_positive() -> None:
    window = np.zeros(N, dtype=np.float32)
    window[30_000:] = 1
    assert not crossings_of(window).any()
    assert crossings_of(-window).any()


@pytest.mark.slow
def test_both_equal_librosas() -> None:
    for window in (music(0), noise(), noise(amplitude=1e-10)):
        feature = librosa().feature
        np.testing.assert_array_equal(crossings_of(window), feature.zero_crossing_rate(window)[0])
        np.testing.assert_allclose(rms_of(window), feature.rms(y=window)[0], rtol=1e-5)
