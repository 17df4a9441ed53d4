"""Checks loudness and zero crossings in machine code against the torch stages, frame by frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.cpu.time_domain import time_domain, time_domain_scratch, time_domain_tables
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.time_domain import rms, zero_crossing_rate
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_windows import WIDTH, WINDOWS, distance_in_sd, window
from tests.featurizer.signals import N, Samples, noise

TABLES = time_domain_tables(GTZAN57)


def run(samples: Samples, *, width: tuple[int, ...] = WIDTH) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loudness and crossing rate of each frame, and the features."""
    scratch, features = time_domain_scratch(GTZAN57), np.zeros(GTZAN57.width)
    time_domain(width, samples, TABLES, scratch, features)
    return scratch.rms, scratch.rate, features


@pytest.mark.parametrize("name", WINDOWS)
def test_every_frame_equals_the_torch_stages(name: str) -> None:
    samples = window(name)
    loudness, crossings, features = run(samples)
    batch = torch.from_numpy(samples[None])
    expected = rms(batch, spec=GTZAN57), zero_crossing_rate(batch, spec=GTZAN57)
    np.testing.assert_allclose(loudness, expected[0][0], rtol=1e-6, atol=1e-22)
    np.testing.assert_array_equal(crossings, expected[1][0])
    for column, oracle in zip((2, 10), expected, strict=True):
        assert distance_in_sd(features, column=column, oracle=mean_and_var(oracle)) < 1e-6


@pytest.mark.parametrize(("level", "crosses"), [(1e-10, False), (2e-10, True)])
def test_samples_up_to_1e_10_count_as_positive(level: float, *, crosses: bool) -> None:
    samples = np.full(N, 1e-10, dtype=np.float32)
    samples[30_000] = -level
    assert run(samples)[1].any() == crosses


def test_a_frame_does_not_count_a_crossing_at_its_own_first_sample() -> None:
    samples = np.zeros(N, dtype=np.float32)
    samples[: 512 * 40] = -1
    frames = run(samples)[1].nonzero()[0]
    # The crossing at sample 20,480 is the first sample of the frame centred on 21,504, frame 42.
    assert frames.tolist() == [39, 40, 41]


@pytest.mark.parametrize("n_samples", [128 * 512, 128 * 512 + 1, 128 * 512 + 511])
def test_windows_that_end_on_or_beside_a_step_are_counted_to_their_end(n_samples: int) -> None:
    spec = replace(GTZAN57, window_samples=n_samples)
    samples = noise()[:n_samples]
    samples[-2:] = (3, -3)
    scratch = time_domain_scratch(spec)
    time_domain(WIDTH, samples, time_domain_tables(spec), scratch, np.zeros(spec.width))
    batch = torch.from_numpy(samples[None])
    np.testing.assert_allclose(scratch.rms, rms(batch, spec=spec)[0], rtol=1e-6)
    np.testing.assert_array_equal(scratch.rate, zero_crossing_rate(batch, spec=spec)[0])


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    samples = window("music 0")
    np.testing.assert_array_equal(run(samples, width=(0,) * lanes)[2], run(samples)[2])


def test_a_step_that_does_not_divide_half_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="n_fft=2048 hop_length=500"):
        time_domain_tables(replace(GTZAN57, hop_length=500))
