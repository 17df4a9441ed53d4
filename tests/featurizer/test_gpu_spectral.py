"""Checks centroid, bandwidth and roll-off on spectra whose values are known, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.spectral import SpectralShape
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import BIN_HZ

SHAPE = SpectralShape(GTZAN57, device=torch.device("cpu"))


def spectrum(**magnitudes: float) -> torch.Tensor:
    """One frame, shape [1, 1, 1025], with the magnitudes given by bin, as in ``bin10=1.0``."""
    frame = torch.zeros(1, 1, 1_025)
    for name, magnitude in magnitudes.items():
        frame[..., int(name.removeprefix("bin"))] = magnitude
    return frame


def test_centroid_and_bandwidth_are_mean_and_deviation_weighted_by_magnitude() -> None:
    centroid, bandwidth = SHAPE.centroid_and_bandwidth(spectrum(bin10=3.0, bin20=1.0))
    assert centroid.item() == pytest.approx(12.5 * BIN_HZ)
    assert bandwidth.item() == pytest.approx(np.sqrt((3 * 2.5**2 + 7.5**2) / 4) * BIN_HZ)


@pytest.mark.parametrize(("tenth", "expected_bin"), [(0.849, 500), (0.851, 10)])
def test_rolloff_is_the_first_frequency_that_reaches_85_percent(tenth: float, expected_bin: int) -> None:
    frame = spectrum(bin10=tenth, bin500=1 - tenth)
    assert SHAPE.rolloff(frame).item() == pytest.approx(expected_bin * BIN_HZ)


def test_a_silent_frame_has_no_frequency() -> None:
    centroid, bandwidth = SHAPE.centroid_and_bandwidth(spectrum())
    assert (centroid.item(), bandwidth.item(), SHAPE.rolloff(spectrum()).item()) == (0, 0, 0)


def test_a_frame_below_the_smallest_normal_number_is_left_as_it_is() -> None:
    centroid, _ = SHAPE.centroid_and_bandwidth(spectrum(bin100=1e-40))
    assert centroid.item() < 1e-30


@pytest.mark.slow
def test_all_three_equal_librosas() -> None:
    magnitude = np.abs(np.random.default_rng(0).standard_normal((1, 130, 1_025))).astype(np.float32)
    centroid, bandwidth = SHAPE.centroid_and_bandwidth(torch.from_numpy(magnitude))
    feature = librosa().feature
    spectrogram = magnitude[0].T
    np.testing.assert_allclose(centroid[0], feature.spectral_centroid(S=spectrogram)[0], rtol=1e-6)
    np.testing.assert_allclose(bandwidth[0], feature.spectral_bandwidth(S=spectrogram)[0], rtol=1e-6)
    rolloff = SHAPE.rolloff(torch.from_numpy(magnitude))
    np.testing.assert_array_equal(rolloff[0], feature.spectral_rolloff(S=spectrogram)[0])
