"""Checks log-mel spectrograms and cepstra in machine code against the torch stages and double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.cpu.mel import MelScratch, cepstra, log_mel, mel_scratch, mel_tables
from featurizer.gpu.mel import LogMel
from featurizer.gpu.statistics import mean_and_var
from featurizer.spec import GTZAN57
from featurizer.tables import mel_filters
from tests.featurizer.cpu_windows import DEVICE, WIDTH, WINDOWS, distance_in_sd, lanes_of, oracle_magnitude
from tests.featurizer.oracle import librosa

TABLES = mel_tables(GTZAN57)
ORACLE = LogMel(GTZAN57, device=DEVICE)
N_FRAMES = GTZAN57.n_frames


def run(magnitude: np.ndarray, *, width: tuple[int, ...] = WIDTH) -> tuple[MelScratch, np.ndarray]:
    """The scratch and the features."""
    scratch, features = mel_scratch(GTZAN57), np.zeros(GTZAN57.width)
    log_mel(width, magnitude, TABLES, scratch)
    cepstra(width, TABLES, scratch, features)
    return scratch, features


@pytest.mark.parametrize("name", WINDOWS)
def test_both_equal_the_torch_stages(name: str) -> None:
    """Up to what torchaudio's filters, computed in single precision, are off."""
    spectrum = oracle_magnitude(name)
    scratch, features = run(lanes_of(spectrum))
    decibels = ORACLE.decibels(spectrum.square())
    np.testing.assert_allclose(scratch.decibels[:, :N_FRAMES], decibels[0].T, rtol=0, atol=5e-3)
    expected = ORACLE.mfcc(decibels)
    np.testing.assert_allclose(scratch.cepstra[:, :N_FRAMES], expected[0], rtol=0, atol=5e-3)
    oracle = mean_and_var(expected)
    assert distance_in_sd(features, column=17, oracle=oracle) < 1e-4


def test_decibels_are_those_of_double_precision() -> None:
    """One bin at a time, over all powers that float32 has above the floor."""
    spectrum = np.zeros((1, N_FRAMES, 1_025), dtype=np.float32)
    rng = np.random.default_rng(0)
    spectrum[0] = np.exp(rng.uniform(np.log(1e-3), np.log(1e15), (N_FRAMES, 1)))
    scratch, _ = run(lanes_of(spectrum))
    exact = (spectrum[0, :, :1].astype(np.float64) ** 2) @ mel_filters(GTZAN57).sum(axis=1, dtype=float)[None]
    expected = np.maximum(10 * np.log10(np.maximum(exact, 1e-10)), 10 * np.log10(exact.max()) - 80)
    np.testing.assert_allclose(scratch.decibels[:, :N_FRAMES], expected.T, rtol=3e-7, atol=5e-6)


def test_silence_lies_at_the_floor_of_minus_100_decibels() -> None:
    scratch, features = run(lanes_of(torch.zeros(1, N_FRAMES, 1_025)))
    assert (scratch.decibels == -100).all()
    assert np.isfinite(features).all()


def test_nothing_is_more_than_80_decibels_below_the_windows_maximum() -> None:
    spectrum = torch.zeros(1, N_FRAMES, 1_025)
    spectrum[0, 3, 100] = 1e3
    decibels = run(lanes_of(spectrum))[0].decibels
    assert decibels.min() == decibels.max() - 80


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_nothing(lanes: int) -> None:
    spectrum = lanes_of(oracle_magnitude("music 0"))
    np.testing.assert_array_equal(run(spectrum, width=(0,) * lanes)[1], run(spectrum)[1])


@pytest.mark.slow
def test_the_log_mel_spectrogram_equals_librosas() -> None:
    spectrum = oracle_magnitude("music 1")
    mel = librosa().feature.melspectrogram(S=spectrum[0].square().numpy().T, sr=22_050)
    decibels = run(lanes_of(spectrum))[0].decibels[:, :N_FRAMES]
    np.testing.assert_allclose(decibels, librosa().power_to_db(mel), rtol=0, atol=2e-5)
