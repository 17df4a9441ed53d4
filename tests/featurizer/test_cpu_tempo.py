"""Checks onset strength and tempo in machine code against the torch stage, and against librosa."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.cpu.onset import median_rise, onset_scratch
from featurizer.cpu.tempo import (
    mean_autocorrelation,
    tempo,
    tempo_estimate_tables,
    tempo_scratch,
)
from featurizer.gpu.mel import LogMel
from featurizer.gpu.tempo import Tempo
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_windows import DEVICE, WIDTH, WINDOWS, lanes_of, oracle_magnitude
from tests.featurizer.oracle import librosa

TABLES = tempo_estimate_tables(GTZAN57)
LOG_MEL = LogMel(GTZAN57, device=DEVICE)
ORACLE = Tempo(GTZAN57, device=DEVICE)
N_FRAMES = GTZAN57.n_frames


def estimate(decibels: torch.Tensor) -> float:
    """The tempo of a log-mel spectrogram, shape [1, n_frames, n_mels]."""
    features = np.zeros(GTZAN57.width)
    tempo(WIDTH, lanes_of(decibels), TABLES, tempo_scratch(GTZAN57), features)
    return float(features[16])


def strength_of(decibels: torch.Tensor, *, width: tuple[int, ...] = WIDTH) -> np.ndarray:
    strength = np.full(N_FRAMES, np.nan, dtype=np.float32)
    median_rise(width, lanes_of(decibels), TABLES.delay, onset_scratch(GTZAN57), strength)
    return strength


def autocorrelation_of(strength: np.ndarray, *, width: tuple[int, ...] = WIDTH) -> np.ndarray:
    scratch = tempo_scratch(GTZAN57)
    scratch.strength[:] = strength
    mean_autocorrelation(width, TABLES, scratch)
    result: np.ndarray = scratch.correlation[TABLES.first_lag : TABLES.n_lags]
    return result


@pytest.mark.parametrize("name", WINDOWS)
def test_tempo_and_onset_strength_equal_the_torch_stage(name: str) -> None:
    decibels = LOG_MEL.decibels(oracle_magnitude(name).square())
    assert estimate(decibels) == ORACLE(decibels).item()
    np.testing.assert_array_equal(strength_of(decibels), ORACLE.onset_strength(decibels)[0])


@pytest.mark.parametrize("period_frames", [15, 20, 25, 30])
def test_the_tempo_of_regular_leaps_is_their_rate(period_frames: int) -> None:
    decibels = torch.full((1, N_FRAMES, GTZAN57.n_mels), -40.0)
    decibels[:, 5::period_frames] = 0
    assert estimate(decibels) == pytest.approx(60 * 22_050 / 512 / period_frames)


def test_rhythms_over_320_beats_a_minute_are_ruled_out() -> None:
    """Two onsets 6 frames apart repeat at 431 beats a minute only; without them the prior decides."""
    decibels = torch.full((1, N_FRAMES, GTZAN57.n_mels), -40.0)
    decibels[:, [50, 56]] = 0
    assert estimate(decibels) == pytest.approx(60 * 22_050 / 512 / 22)


def test_an_onset_in_fewer_than_half_of_all_mels_does_not_count() -> None:
    decibels = torch.full((1, N_FRAMES, GTZAN57.n_mels), -40.0)
    decibels[:, 5::20, :63] = 0
    assert estimate(decibels) == 0


def test_the_median_of_random_rises_is_numpys() -> None:
    rng = np.random.default_rng(0)
    decibels = torch.from_numpy(rng.normal(0, 20, (1, N_FRAMES, GTZAN57.n_mels)).astype(np.float32))
    rises = np.maximum(np.diff(decibels[0].numpy(), axis=0), 0)
    expected = np.median(rises, axis=1)[: N_FRAMES - TABLES.delay]
    np.testing.assert_array_equal(strength_of(decibels)[TABLES.delay :], expected)


@pytest.mark.parametrize("order", [1, -1])
def test_the_median_is_found_where_all_low_mels_rise_less_or_more_than_all_high_ones(order: int) -> None:
    rises = np.arange(GTZAN57.n_mels, dtype=np.float32) ** 2
    decibels = torch.zeros(1, N_FRAMES, GTZAN57.n_mels)
    decibels[:, 50:] = torch.from_numpy(rises[::order].copy())
    assert strength_of(decibels).max() == (63**2 + 64**2) / 2


@pytest.mark.parametrize(
    "onsets",
    [range(3, 130), [3], [129], [60], [3, 129], [50, 56]],
    ids=["everywhere", "first", "last", "middle", "first and last", "two"],
)
def test_the_closed_form_equals_the_transform_of_every_frame(onsets: list[int]) -> None:
    strength = np.zeros(N_FRAMES, dtype=np.float32)
    strength[list(onsets)] = np.random.default_rng(0).uniform(0.1, 20, len(onsets))
    expected = ORACLE.mean_autocorrelation(torch.from_numpy(strength[None]))[0, TABLES.first_lag :]
    np.testing.assert_allclose(autocorrelation_of(strength), expected, rtol=0, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    width = (0,) * lanes
    decibels = LOG_MEL.decibels(oracle_magnitude("music 0").square())
    strength = strength_of(decibels)
    np.testing.assert_array_equal(strength_of(decibels, width=width), strength)
    expected = autocorrelation_of(strength)
    np.testing.assert_array_equal(autocorrelation_of(strength, width=width), expected)


def test_another_number_of_mels_is_refused() -> None:
    with pytest.raises(ValueError, match="n_mels=64"):
        onset_scratch(replace(GTZAN57, n_mels=64))


def test_what_never_gets_louder_has_no_tempo() -> None:
    fading = torch.linspace(0, -60, N_FRAMES)[None, :, None].expand(1, -1, GTZAN57.n_mels)
    assert estimate(fading) == 0


def test_windows_longer_than_half_the_longest_lag_are_refused() -> None:
    with pytest.raises(ValueError, match="n_frames=216"):
        tempo_estimate_tables(replace(GTZAN57, window_samples=5 * 22_050))


@pytest.mark.slow
def test_mean_autocorrelation_equals_that_of_librosas_tempogram() -> None:
    strength = np.random.default_rng(0).uniform(0, 5, N_FRAMES).astype(np.float32)
    strength[: TABLES.delay] = 0
    tempogram = librosa().feature.tempogram(onset_envelope=strength, sr=22_050, win_length=344)
    expected = tempogram.mean(axis=-1)[TABLES.first_lag :]
    np.testing.assert_allclose(autocorrelation_of(strength), expected, rtol=0, atol=1e-12)
