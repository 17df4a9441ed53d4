"""Levels tell silence, clipping and samples that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.decode import open_audio
from featurizer.errors import InvalidSamplesError
from featurizer.levels import LevelMeter
from tests import audio
from tests.paths import DATA, needs_data


@pytest.mark.parametrize(
    ("amplitude", "is_silent"), [(0.0, True), (3e-5, True), (1e-4, True), (2e-4, False), (0.5, False)]
)
def test_silence_is_no_sample_above_80_db_below_full_scale(amplitude: float, is_silent: bool) -> None:
    meter = LevelMeter()
    meter.add_output(np.array([0.0, -amplitude, 0.0], dtype=np.float32))

    assert meter.is_silent is is_silent


def test_one_loud_block_ends_silence() -> None:
    meter = LevelMeter()
    for amplitude in (0.0, 0.3, 0.0):
        meter.add_output(np.full(10, amplitude, dtype=np.float32))

    assert not meter.is_silent


@pytest.mark.parametrize(
    ("n_full_scale", "is_clipped"), [(0, False), (2, False), (10, False), (11, True), (900, True)]
)
@pytest.mark.parametrize("peak", [1.0, -1.0, 1.2, 32_767 / 32_768])
def test_clipping_is_more_than_a_thousandth_of_samples_at_full_scale(
    n_full_scale: int, is_clipped: bool, peak: float
) -> None:
    meter = LevelMeter()
    samples = np.full((10_000, 1), 0.99, dtype=np.float32)
    samples[:n_full_scale] = peak
    meter.downmix(samples[:5_000])
    meter.downmix(samples[5_000:])

    assert meter.full_scale_share == n_full_scale / 10_000
    assert meter.is_clipped is is_clipped


def test_one_clipped_channel_is_enough() -> None:
    meter = LevelMeter()
    quiet, loud = audio.chord(0.2, 22_050), np.clip(9 * audio.chord(0.2, 22_050), -1.0, 1.0)
    meter.downmix(audio.stereo(quiet, loud))

    assert meter.is_clipped


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_mono_is_the_mean_however_the_samples_lie_in_memory(channels: int) -> None:
    samples = np.random.default_rng(channels).normal(size=(1_000, channels)).astype(np.float32)
    held = samples.copy()
    held.flags.writeable = False

    for array in (samples, np.asfortranarray(samples), held, np.asfortranarray(held)[17:], samples[::2]):
        meter = LevelMeter()
        mono = meter.downmix(array)
        np.testing.assert_allclose(mono, array.mean(axis=1, dtype=np.float64), rtol=1e-6, atol=1e-6)
        assert meter.n_source_samples == array.size
        assert meter.n_full_scale == np.count_nonzero(np.abs(array) >= 0.9999)
        assert not np.shares_memory(mono, array)


@pytest.mark.parametrize("sample", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(sample: float) -> None:
    block = np.zeros(100, dtype=np.float32)
    block[50] = sample

    with pytest.raises(InvalidSamplesError):
        LevelMeter().add_output(block)


@needs_data
def test_real_lossless_tracks_are_neither_clipped_nor_silent() -> None:
    paths = sorted((DATA / "audio" / "gtzan_tracks").glob("*/*.flac"))[::40]
    assert paths

    for path in paths:
        with open_audio(path) as stream:
            for _ in stream.blocks():
                pass
            # The highest share of 152 tracks is 0.0002.
            assert not stream.levels.is_clipped
            assert not stream.levels.is_silent
