"""Checks columns and both transforms in machine code against numpy's transform and the torch stages."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.cpu.layout import HOP, TILE
from featurizer.spec import GTZAN57
from featurizer.tables import FLOAT32_TINY, hann, overlap_gain
from tests.featurizer.cpu_stages import NAMES, FloatType, Stages
from tests.featurizer.cpu_windows import lanes_of, oracle_magnitude, window
from tests.featurizer.signals import N, Samples, music, noise

PRECISIONS = [np.float32, np.float64]


def exact_spectrum(samples: Samples) -> np.ndarray:
    """Spectrum [n_bins, n_frames] in double precision."""
    padded = np.pad(samples.astype(np.float64), GTZAN57.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, GTZAN57.n_fft)[:: GTZAN57.hop_length]
    spectrum: np.ndarray = np.fft.rfft(frames * hann(GTZAN57.n_fft)).T
    return spectrum


def test_columns_hold_each_hop_of_the_padded_window_in_one_lane() -> None:
    stages = Stages()
    samples = np.arange(1, N + 1, dtype=np.float32)
    stages.load(samples)
    pitch = stages.layout.row_pitch
    rows = stages.scratch.samples.reshape(8, -1)[:, : 64 * pitch].reshape(HOP, pitch)
    padded = np.zeros(pitch * HOP)
    padded[GTZAN57.n_fft // 2 :][:N] = samples
    np.testing.assert_array_equal(rows.T.ravel() * stages.unscale, padded)


@pytest.mark.parametrize("peak", [0.0, 1e-40, 1e-22, 0.3, 0.5, 1.0, 1e12])
def test_the_scale_is_a_power_of_two_that_brings_the_peak_into_its_range(peak: float) -> None:
    stages = Stages()
    samples = np.zeros(N, dtype=np.float32)
    samples[-1] = -peak
    stages.load(samples)
    assert np.log2(stages.unscale) == round(np.log2(stages.unscale))
    if peak > 1e-30:
        assert 0.5 <= np.float32(peak) / stages.unscale < 1
    np.testing.assert_array_equal(stages.scratch.stft.scale[:130], np.float32(1 / stages.unscale))
    assert not stages.scratch.stft.scale[130:].any()


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_block_of_frames_has_numpys_spectrum(dtype: FloatType) -> None:
    stages = Stages(dtype=dtype)
    expected = exact_spectrum(music(3))
    stages.load(music(3))
    for block in (0, 3, 8):
        found = stages.forward(block)
        wanted = expected[:, TILE * block : TILE * (block + 1)]
        n_frames = wanted.shape[1]
        # Single precision rounds the result in either case.
        error = np.abs(found[:, :n_frames] * stages.unscale - wanted).max() / np.abs(expected).max()
        assert error < 1.5e-7


@pytest.mark.parametrize("name", NAMES)
def test_magnitudes_equal_numpys_of_a_double_transform(name: str) -> None:
    """Bit for bit where anything is to be heard: other roundings change which bins of a click are peaks."""
    stages = Stages()
    stages.load(window(name))
    for block in range(stages.layout.n_blocks):
        stages.forward(block)
    found, expected = stages.scratch.magnitude, lanes_of(oracle_magnitude(name))
    # Bins that cancel hold what the order of additions in double leaves of the loudest.
    np.testing.assert_allclose(found, expected, rtol=1.3e-7, atol=max(1e-13 * expected.max(), 3e-45))
    audible = (expected > 1e-6 * expected.max()) & (expected > FLOAT32_TINY)
    # A chirp has 1 in 10,000 that lies between two singles.
    assert np.count_nonzero(found[audible] != expected[audible]) <= 2e-4 * np.count_nonzero(audible)


def test_lanes_without_a_frame_hold_zeros() -> None:
    stages = Stages()
    stages.load(noise())
    for block in range(stages.layout.n_blocks):
        stages.forward(block)
    assert not stages.scratch.magnitude[:, GTZAN57.n_frames :].any()


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_spectrum_whose_mask_is_one_gives_the_window_back(dtype: FloatType) -> None:
    stages = Stages(dtype=dtype)
    samples = music(1)
    stages.load(samples)
    stages.start()
    lanes = []
    for block in range(stages.layout.n_blocks):
        stages.forward(block)
        stages.scratch.mask[:] = np.arange(TILE) + TILE * block < GTZAN57.n_frames
        lanes.append(stages.inverse(block))
    start = GTZAN57.n_fft // 2
    found = np.concatenate(lanes, axis=1).T.ravel()[start : start + N] * overlap_gain(GTZAN57)
    np.testing.assert_allclose(found * stages.unscale, samples, rtol=0, atol=5e-7 * np.abs(samples).max())


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_spectra_and_samples_are_the_same_bits_at_every_width(lanes: int, dtype: FloatType) -> None:
    """In blocks 7 and 8, the last of which is not full."""
    results = []
    for width in (lanes, 16):
        stages = Stages(dtype=dtype, lanes=width)
        stages.load(music(2))
        stages.start()
        spectra = [stages.forward(block) for block in (7, 8)]
        stages.scratch.mask[:] = 0.5 * (np.arange(TILE) + 8 * TILE < GTZAN57.n_frames)
        n_frames = GTZAN57.n_frames - 8 * TILE
        stages.inverse(7)
        samples = stages.inverse(8)
        results.append((spectra[0], spectra[1][:, :n_frames], samples[:, : n_frames + 2]))
    for narrow, wide in zip(*results, strict=True):
        np.testing.assert_array_equal(narrow, wide)
