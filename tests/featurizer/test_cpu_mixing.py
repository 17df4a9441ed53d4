"""Mono, the count at full scale and the peak are NumPy's, for any number of channels and any samples."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.cpu.mixing import FULL_SCALE, count_full_scale, mix_interleaved, mix_planar, peak_of

Array = NDArray[np.float32]

ODD_SAMPLES = (0.0, -0.0, 1.0, -1.0, 0.9999, -0.9999, np.nextafter(np.float32(0.9999), np.float32(0)), 1e-45)
NO_NUMBERS = (np.nan, np.inf, -np.inf)


def average(samples: Array) -> Array:
    """Add the channels in their order, in float32, and divide by their number."""
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = samples[:, 0].copy()
        for channel in range(1, samples.shape[1]):
            mixed += samples[:, channel]
        return mixed / np.float32(samples.shape[1])


def sound(n_samples: int, channels: int, *, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    samples = rng.normal(scale=0.6, size=(n_samples, channels)).astype(np.float32)
    return np.where(rng.random(samples.shape) < 0.1, rng.choice(ODD_SAMPLES, samples.shape), samples).astype(
        np.float32
    )


@pytest.mark.parametrize("n_samples", [0, 1, 2, 15, 16, 17, 1_001])
@pytest.mark.parametrize("channels", [1, 2, 3, 6, 64])
def test_both_layouts_mix_and_count_as_numpy_does_bit_for_bit(n_samples: int, channels: int) -> None:
    samples = sound(n_samples, channels, seed=7 * n_samples + channels)
    expected, loud = average(samples), int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
    interleaved, planar = np.full(n_samples, 9, dtype=np.float32), np.full(n_samples, 9, dtype=np.float32)

    assert mix_interleaved(samples, interleaved) == loud
    assert mix_planar(np.ascontiguousarray(samples.T), planar) == loud
    assert interleaved.tobytes() == expected.tobytes()
    assert planar.tobytes() == expected.tobytes()


@pytest.mark.parametrize("no_number", NO_NUMBERS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_what_is_no_number_is_mixed_as_numpy_does_it(no_number: float, channels: int) -> None:
    samples = sound(100, channels, seed=1)
    samples[40, channels - 1] = no_number
    samples[60] = no_number
    mono = np.empty(100, dtype=np.float32)

    for mix, array in ((mix_interleaved, samples), (mix_planar, np.ascontiguousarray(samples.T))):
        assert mix(array, mono) == np.count_nonzero(np.abs(samples) >= FULL_SCALE)
        np.testing.assert_array_equal(mono, average(samples))


def test_sums_beyond_float32_are_infinite() -> None:
    huge = np.full((3, 2), 3e38, dtype=np.float32)
    mono = np.empty(3, dtype=np.float32)

    assert mix_interleaved(huge, mono) == 6
    assert np.isposinf(mono).all()


@pytest.mark.parametrize("n_samples", [0, 1, 2, 31, 1_000])
def test_the_peak_is_the_greatest_magnitude(n_samples: int) -> None:
    block = sound(n_samples, 1, seed=n_samples)[:, 0].copy()

    assert peak_of(block) == np.abs(block).max(initial=0.0)


@pytest.mark.parametrize("place", [0, 50, 99])
def test_the_peak_shows_one_sample_that_is_no_number(place: int) -> None:
    block = sound(100, 1, seed=2)[:, 0].copy()
    for infinite in (np.inf, -np.inf):
        block[place] = infinite
        assert peak_of(block) == np.inf
    block[99 - place] = np.inf
    block[place] = np.nan
    assert np.isnan(peak_of(block))


@pytest.mark.parametrize("sample", ODD_SAMPLES)
def test_a_single_sample_counts_from_full_scale_on(sample: float) -> None:
    one = np.array([sample], dtype=np.float32)

    assert count_full_scale(one) == (abs(float(one[0])) >= float(FULL_SCALE))
    assert peak_of(one) == abs(one[0])
