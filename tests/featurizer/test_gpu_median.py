"""Checks the sliding median and the program of minima and maxima behind it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch

from featurizer.gpu.median import sliding_median
from featurizer.median_network import sliding_median_program


def run(size: int, inputs: np.ndarray) -> np.ndarray:
    program = sliding_median_program(size)
    values = dict(enumerate(inputs))
    for step in program.steps:
        operation = np.minimum if step.kind == "min" else np.maximum
        values[step.target] = operation(values[step.left], values[step.right])
    return np.stack([values[output] for output in program.outputs])


@pytest.mark.parametrize("size", [3, 7, 15, 31])
def test_the_program_gives_medians_of_zeros_and_ones(size: int) -> None:
    """A network of minima and maxima that is right on all 0-1 inputs is right on all inputs (Knuth)."""
    program = sliding_median_program(size)
    rng = np.random.default_rng(size)
    share_of_ones = rng.uniform(size=5_000)
    inputs = (rng.uniform(size=(program.n_inputs, 5_000)) < share_of_ones).astype(np.float32)
    expected = np.stack([np.median(inputs[j : j + size], axis=0) for j in range(program.n_outputs)])
    np.testing.assert_array_equal(run(size, inputs), expected)


def test_the_program_for_31_points_takes_34_operations_an_output() -> None:
    program = sliding_median_program(31)
    assert program.n_inputs == 46
    assert program.n_outputs == 16
    assert len(program.steps) / program.n_outputs <= 34.2


def test_values_are_freed_after_their_last_use_only() -> None:
    program = sliding_median_program(15)
    for index, step in enumerate(program.steps):
        assert program.last_use[step.left] >= index
        assert program.last_use[step.right] >= index
    assert all(program.last_use[output] == len(program.steps) for output in program.outputs)


@pytest.mark.parametrize("size", [-1, 0, 1, 2, 5, 30, 32])
def test_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"size={size}"):
        sliding_median_program(size)


@pytest.mark.parametrize("n", [1, 4, 15, 16, 17, 130, 1_025])
def test_the_median_equals_scipys_with_edges_mirrored(n: int) -> None:
    values = np.random.default_rng(n).standard_normal((2, n, 5)).astype(np.float32)
    values[:, n // 2 :] = np.round(values[:, n // 2 :])
    expected = scipy.ndimage.median_filter(values, size=(1, 31, 1), mode="reflect")
    result = sliding_median(torch.from_numpy(values), size=31)
    np.testing.assert_array_equal(result.numpy(), expected)
