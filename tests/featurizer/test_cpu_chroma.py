"""Checks chroma in machine code against the torch stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.cpu.chroma import chroma, chroma_scratch, chroma_tables
from featurizer.gpu.chroma import Chroma
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.tuning import TuningEstimator
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_windows import DEVICE, WIDTH, WINDOWS, distance_in_sd, lanes_of, oracle_magnitude

TABLES = chroma_tables(GTZAN57)
ORACLE = Chroma(GTZAN57, device=DEVICE)
TUNING = TuningEstimator(GTZAN57, device=DEVICE)


def run(
    magnitude: np.ndarray, *, tuning: int, width: tuple[int, ...] = WIDTH
) -> tuple[np.ndarray, np.ndarray]:
    """Chroma [12, n_frames] and the features."""
    scratch, features = chroma_scratch(GTZAN57), np.zeros(GTZAN57.width)
    chroma(width, magnitude, tuning, TABLES, scratch, features)
    return scratch.chroma[:, : GTZAN57.n_frames], features


@pytest.mark.parametrize("name", WINDOWS)
def test_chroma_equals_the_torch_stage(name: str) -> None:
    spectrum = oracle_magnitude(name)
    power = spectrum.square()
    values, features = run(lanes_of(spectrum), tuning=int(TUNING(power)))
    expected = ORACLE(power)
    np.testing.assert_allclose(values, expected[0].T, rtol=0, atol=5e-6)
    assert distance_in_sd(features, column=0, oracle=mean_and_var(expected.flatten(1))) < 5e-5


def test_chroma_of_silence_is_zero() -> None:
    values, features = run(lanes_of(torch.zeros(1, 130, 1_025)), tuning=50)
    assert not values.any()
    assert not features.any()


@pytest.mark.parametrize("lanes", [4, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    spectrum = lanes_of(oracle_magnitude("music 0"))
    expected = run(spectrum, tuning=3)[0]
    np.testing.assert_array_equal(run(spectrum, tuning=3, width=(0,) * lanes)[0], expected)


def test_another_number_of_pitch_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="n_chroma=24"):
        chroma_tables(replace(GTZAN57, n_chroma=24))
