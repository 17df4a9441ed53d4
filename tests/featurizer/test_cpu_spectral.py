"""Checks centroid, bandwidth and roll-off in machine code against the torch stages and known spectra."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.cpu.spectral import SpectralScratch, spectral_scratch, spectral_shape, spectral_tables
from featurizer.gpu.spectral import SpectralShape
from featurizer.gpu.statistics import mean_and_var
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_windows import DEVICE, WIDTH, WINDOWS, distance_in_sd, lanes_of, oracle_magnitude
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import BIN_HZ

TABLES = spectral_tables(GTZAN57)
ORACLE = SpectralShape(GTZAN57, device=DEVICE)
N_FRAMES = GTZAN57.n_frames


def run(
    magnitude: np.ndarray, *, width: tuple[int, ...] = WIDTH
) -> tuple[SpectralScratch, np.ndarray, np.ndarray]:
    """The scratch, the three series [3, n_frames] (centroid, bandwidth, roll-off), and the features."""
    scratch, features = spectral_scratch(GTZAN57), np.zeros(GTZAN57.width)
    spectral_shape(width, magnitude, TABLES, scratch, features)
    series = np.stack((scratch.limits[0], scratch.counts[0], scratch.counts[1]))
    return scratch, series[:, :N_FRAMES], features


@pytest.mark.parametrize("name", WINDOWS)
def test_all_three_equal_the_torch_stages(name: str) -> None:
    spectrum = oracle_magnitude(name)
    scratch, series, features = run(lanes_of(spectrum))
    centroid, bandwidth = ORACLE.centroid_and_bandwidth(spectrum)
    expected = centroid, bandwidth, ORACLE.rolloff(spectrum)
    # Single-precision sums of 1,025 numbers.
    np.testing.assert_allclose(series[0], expected[0][0], rtol=2e-5, atol=1e-12)
    np.testing.assert_allclose(series[1], expected[1][0], rtol=2e-5, atol=1e-3)
    np.testing.assert_array_equal(series[2], expected[2][0])
    np.testing.assert_array_equal(scratch.sums[2, :N_FRAMES], spectrum[0].amax(-1))
    for column, oracle in zip((4, 6, 8), expected, strict=True):
        assert distance_in_sd(features, column=column, oracle=mean_and_var(oracle)) < 1e-4


@pytest.mark.parametrize(("tenth", "expected_bin"), [(0.849, 500), (0.851, 10)])
def test_rolloff_is_the_first_frequency_that_reaches_85_percent(tenth: float, expected_bin: int) -> None:
    spectrum = torch.zeros(1, N_FRAMES, 1_025)
    spectrum[..., 10], spectrum[..., 500] = tenth, 1 - tenth
    assert run(lanes_of(spectrum))[1][2] == pytest.approx(expected_bin * BIN_HZ)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    spectrum = lanes_of(oracle_magnitude("music 0"))
    np.testing.assert_array_equal(run(spectrum, width=(0,) * lanes)[2], run(spectrum)[2])


@pytest.mark.slow
def test_rolloff_equals_librosas_to_the_bit() -> None:
    spectrum = oracle_magnitude("music 1")
    expected = librosa().feature.spectral_rolloff(S=spectrum[0].numpy().T, sr=22_050)[0]
    np.testing.assert_array_equal(run(lanes_of(spectrum))[1][2], expected)
