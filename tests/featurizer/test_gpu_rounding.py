"""Checks that what numpy rounds in its own way is rounded so."""

from __future__ import annotations

import numpy as np
import torch

from featurizer.gpu.rounding import cumulative_sum, magnitude, scaled_modulus
from featurizer.gpu.statistics import mean_and_var


def test_sums_are_rounded_to_float32_one_by_one() -> None:
    values = np.random.default_rng(0).lognormal(0, 4, (2, 3, 1_025)).astype(np.float32)
    total = np.zeros((2, 3), dtype=np.float32)
    expected = []
    for step in np.moveaxis(values, -1, 0):
        total = total + step
        expected.append(total)
    result = cumulative_sum(torch.from_numpy(values)).numpy()
    np.testing.assert_array_equal(result, np.stack(expected, axis=-1))


def test_moduli_are_numpys_to_the_last_place() -> None:
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((2, 50_000)) * 10 ** rng.uniform(-18, 12, 50_000)
    spectrogram = (parts[0] + 1j * parts[1]).astype(np.complex64)
    spectrogram[:4] = [0, 1, -1j, 1e-40]
    expected = np.abs(spectrogram)
    np.testing.assert_array_equal(magnitude(torch.from_numpy(spectrogram)).numpy(), expected)
    np.testing.assert_array_equal(scaled_modulus(torch.from_numpy(spectrogram)).numpy(), expected)


def test_variance_of_nearly_constant_values_is_not_lost_to_rounding() -> None:
    values = torch.tensor([[10_000.0, 10_000.125, 10_000.25, 10_000.125]])
    mean, variance = mean_and_var(values)[0].tolist()
    assert mean == 10_000.125
    assert variance == 0.125**2 / 2
