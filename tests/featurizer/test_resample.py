"""A stream resampled block by block is the whole resampled at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from featurizer.resample import StreamResampler
from featurizer.spec import GTZAN57
from featurizer.windows import Windower
from tests import audio

TARGET = 22_050
SOURCE_RATES = (1_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 384_000)

blocks_of = st.lists(st.integers(0, 3_000), max_size=8)


def split(samples: NDArray[np.float32], lengths: list[int]) -> list[NDArray[np.float32]]:
    return np.split(samples, np.minimum(np.cumsum(lengths, dtype=int), len(samples)))


def stream(samples: NDArray[np.float32], lengths: list[int], *, sample_rate: int) -> NDArray[np.float32]:
    resampler = StreamResampler(TARGET)
    parts = [resampler.push(block, sample_rate=sample_rate) for block in split(samples, lengths)]
    return np.concatenate([*parts, resampler.flush()])


@settings(max_examples=40, deadline=None)
@given(sample_rate=st.sampled_from(SOURCE_RATES), n_samples=st.integers(1, 8_000), lengths=blocks_of)
def test_stream_equals_the_whole_resampled_at_once(
    sample_rate: int, n_samples: int, lengths: list[int]
) -> None:
    samples = audio.noise(1.0, n_samples, seed=n_samples)

    resampled = stream(samples, lengths, sample_rate=sample_rate)

    expected = samples if sample_rate == TARGET else soxr.resample(samples, sample_rate, TARGET, "HQ")
    np.testing.assert_array_equal(resampled, expected)


@settings(max_examples=25, deadline=None)
@given(sample_rate=st.sampled_from((22_050, 44_100, 48_000)), lengths=blocks_of, seed=st.integers(0, 3))
def test_windows_of_a_resampled_stream_do_not_depend_on_the_blocks(
    sample_rate: int, lengths: list[int], seed: int
) -> None:
    spec = replace(GTZAN57, window_samples=2_000, min_samples=500)
    samples = audio.noise(0.3, sample_rate, seed=seed)

    def windows(lengths: list[int]) -> NDArray[np.float32]:
        resampler = StreamResampler(TARGET)
        windower = Windower(spec, room=lambda: np.empty((1, 2_000), dtype=np.float32))
        blocks = [resampler.push(block, sample_rate=sample_rate) for block in split(samples, lengths)]
        found = [window for block in (*blocks, resampler.flush()) for window in windower.push(block)]
        return np.concatenate([*found, windower.flush()])

    np.testing.assert_array_equal(windows(lengths), windows([]))


def test_samples_of_the_wanted_rate_pass_unchanged() -> None:
    samples = audio.noise(0.5, TARGET)

    np.testing.assert_array_equal(stream(samples, [1, 100], sample_rate=TARGET), samples)


def test_each_part_of_a_stream_whose_rate_changes_keeps_its_own_length_and_pitch() -> None:
    resampler = StreamResampler(TARGET)
    rates = (44_100, 22_050, 48_000)
    parts = [
        resampler.push(audio.tone(441.0, 0.5, sample_rate), sample_rate=sample_rate) for sample_rate in rates
    ]

    resampled = np.concatenate([*parts, resampler.flush()])

    assert len(resampled) == 3 * TARGET // 2
    expected = np.tile(audio.tone(441.0, 0.5, TARGET), 3)
    # The filter rings at each seam: 128 samples there are left out.
    inner = np.abs((np.arange(len(resampled)) % (TARGET // 2)) - TARGET // 4) < TARGET // 4 - 128
    np.testing.assert_allclose(resampled[inner], expected[inner], atol=2e-3)


@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_stream_of_no_samples_gives_none(sample_rate: int) -> None:
    assert len(stream(np.empty(0, dtype=np.float32), [], sample_rate=sample_rate)) == 0
