"""Checks chroma in machine code against the torch stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.cpu.chroma import chroma, chroma_scratch, chroma_tables
from featurizer.cpu.layout import layout_of
from featurizer.gpu.chroma import Chroma
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.tuning import TuningEstimator
from featurizer.spec import GTZAN57
from featurizer.tables import chroma_filter_banks
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
    return scratch.chroma[:12, : GTZAN57.n_frames], features


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


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    spectrum = lanes_of(oracle_magnitude("music 0"))
    expected = run(spectrum, tuning=3)[0]
    np.testing.assert_array_equal(run(spectrum, tuning=3, width=(0,) * lanes)[0], expected)


def test_no_bin_loses_more_than_a_millionth_of_its_largest_weight() -> None:
    """Each bin alone: librosa's filters against what the runs of bins add up to."""
    n_bins = 1_025
    bank = chroma_filter_banks(GTZAN57)[37]
    lanes = layout_of(GTZAN57).lanes
    for start in range(0, n_bins, lanes):
        bins = np.arange(start, min(start + lanes, n_bins))
        one_each = np.zeros((n_bins, lanes), dtype=np.float32)
        one_each[bins, bins - start] = 1
        scratch = chroma_scratch(GTZAN57)
        chroma(WIDTH, one_each, 37, TABLES, scratch, np.zeros(GTZAN57.width))
        expected = bank[:, bins] / bank[:, bins].max(axis=0)
        np.testing.assert_allclose(scratch.chroma[:12, : len(bins)], expected, rtol=1e-6, atol=1e-6)


def test_another_number_of_pitch_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="n_chroma=24"):
        chroma_tables(replace(GTZAN57, n_chroma=24))
