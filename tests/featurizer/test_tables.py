"""Checks the constants that both back ends share against librosa's and scipy's."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from featurizer.tables import (
    MAX_PITCH_HZ,
    MIN_PITCH_HZ,
    bin_frequencies,
    chroma_filter_banks,
    chroma_filters,
    cosine_table,
    hann,
    mel_filters,
    overlap_gain,
    pitch_bins,
    tempo_tables,
    tuning_edges,
)
from tests.featurizer.oracle import librosa


def test_pitches_are_looked_for_between_150_and_4000_hz() -> None:
    frequency = bin_frequencies(GTZAN57)
    first, end = pitch_bins(GTZAN57)
    assert frequency[first - 1] < MIN_PITCH_HZ <= frequency[first]
    assert frequency[end - 1] < MAX_PITCH_HZ <= frequency[end]


def test_the_banks_hold_the_filters_of_every_tuning() -> None:
    banks = chroma_filter_banks(GTZAN57)
    assert banks.shape == (100, 12, 1_025)
    np.testing.assert_array_equal(banks[37], chroma_filters(GTZAN57, tuning=float(tuning_edges()[37])))


def test_tempi_above_320_are_ruled_out_and_120_is_the_most_likely() -> None:
    tables = tempo_tables(GTZAN57)
    assert tables.n_lags == 344
    assert np.isneginf(tables.log_prior[tables.bpm >= 320]).all()
    assert np.isfinite(tables.log_prior[tables.bpm < 320]).all()
    assert tables.bpm[tables.log_prior.argmax()] == pytest.approx(120, rel=0.03)


@pytest.mark.slow
def test_the_mel_filters_equal_librosas_to_the_bit() -> None:
    expected = librosa().filters.mel(sr=22_050, n_fft=2_048)
    np.testing.assert_array_equal(mel_filters(GTZAN57), expected)


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [-0.5, -0.13, 0.0, 0.01, 0.49])
def test_the_chroma_filters_equal_librosas(deviation: float) -> None:
    expected = librosa().filters.chroma(sr=22_050, n_fft=2_048, tuning=deviation)
    np.testing.assert_allclose(chroma_filters(GTZAN57, tuning=deviation), expected, rtol=2e-6, atol=1e-30)


@pytest.mark.slow
def test_the_overlap_gain_is_one_over_librosas_sum_of_squares() -> None:
    filters = librosa().filters
    total = filters.window_sumsquare(window="hann", n_frames=130, hop_length=512, n_fft=2_048)
    np.testing.assert_allclose(overlap_gain(GTZAN57) * total[1_024 : 1_024 + 66_150], 1, rtol=3e-7)


@pytest.mark.slow
def test_the_tempi_equal_librosas() -> None:
    expected = librosa().tempo_frequencies(344, hop_length=512, sr=22_050)
    np.testing.assert_allclose(tempo_tables(GTZAN57).bpm, expected, rtol=1e-14)


@pytest.mark.slow
def test_taper_and_cosines_equal_scipys() -> None:
    import scipy.fft  # noqa: PLC0415 - takes a second
    import scipy.signal  # noqa: PLC0415

    np.testing.assert_allclose(hann(2_048), scipy.signal.get_window("hann", 2_048), atol=3e-16)
    expected = scipy.fft.dct(np.eye(128), axis=0, norm="ortho")[:20].astype(np.float32)
    np.testing.assert_allclose(cosine_table(GTZAN57), expected, atol=3e-8)
