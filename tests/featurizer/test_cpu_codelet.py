"""Checks the straight-line Fourier transform against numpy's, in the arithmetic of single numbers."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.cpu.codelet import fourier


class Counting:
    """Adds and multiplies plain numbers and counts how often."""

    def __init__(self) -> None:
        self.operations = 0

    def add(self, left: float, right: float) -> float:
        self.operations += 1
        return left + right

    def subtract(self, left: float, right: float) -> float:
        self.operations += 1
        return left - right

    def scaled_add(self, factor: float, value: float, addend: float) -> float:
        self.operations += 1
        return factor * value + addend


def numbers(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return rng.standard_normal(n) + 1j * rng.standard_normal(n)


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 32, 64])
def test_the_transform_is_numpys(n: int) -> None:
    inputs = numbers(n)
    outputs = fourier(Counting(), lambda j: (float(inputs[j].real), float(inputs[j].imag)), n=n)
    found = np.array([complex(real, imaginary) for real, imaginary in outputs])
    np.testing.assert_allclose(found, np.fft.fft(inputs), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("n", "operations"), [(2, 4), (4, 16), (8, 52), (16, 144), (32, 372)])
def test_the_transform_takes_as_many_operations_as_it_says(n: int, operations: int) -> None:
    counting = Counting()
    fourier(counting, lambda _: (0.0, 0.0), n=n)
    assert counting.operations == operations


def test_each_input_is_loaded_once() -> None:
    loaded: list[int] = []

    def load(index: int) -> tuple[float, float]:
        loaded.append(index)
        return 0.0, 0.0

    fourier(Counting(), load, n=32)
    assert sorted(loaded) == list(range(32))
