"""Checks log-mel spectrograms and cepstra against their definitions, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.mel import LogMel
from featurizer.gpu.stft import Stft
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import music

LOG_MEL = LogMel(GTZAN57, device=torch.device("cpu"))


def power(*, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(seed).lognormal(0, 3, (1, GTZAN57.n_frames, 1_025)).astype(np.float32)
    )


def test_silence_lies_at_the_floor_of_minus_100_decibels() -> None:
    assert (LOG_MEL.decibels(torch.zeros(1, 130, 1_025)) == -100).all()


def test_nothing_is_more_than_80_decibels_below_its_own_windows_maximum() -> None:
    loud = torch.zeros(2, 130, 1_025)
    loud[0, 3, 100] = 1e6
    loud[1, 3, 100] = 1.0
    decibels = LOG_MEL.decibels(loud)
    for window in decibels:
        assert window.min() == window.max() - 80
    assert decibels[0].max() - decibels[1].max() == pytest.approx(60, abs=1e-3)


def test_ten_times_the_power_is_ten_decibels_more() -> None:
    louder, quieter = LOG_MEL.decibels(10 * power()), LOG_MEL.decibels(power())
    np.testing.assert_allclose(louder, quieter + 10, atol=1e-3)


def test_a_flat_spectrum_is_flat_in_mels_too() -> None:
    """Every filter has the same area, as Slaney's norm wants: 1 over hertz."""
    decibels = LOG_MEL.decibels(torch.ones(1, 130, 1_025))[0, 0]
    # Low filters are as narrow as a bin, so their sampled area is off.
    np.testing.assert_allclose(decibels[64:], -10 * np.log10(22_050 / 2_048), atol=0.2)


def test_cepstra_are_the_orthonormal_cosine_transform() -> None:
    decibels = LOG_MEL.decibels(power())
    mel, coefficient = np.arange(128), np.arange(20)[:, None]
    basis = np.sqrt(2 / 128) * np.cos(np.pi / 128 * (mel + 0.5) * coefficient)
    basis[0] /= np.sqrt(2)
    expected = basis @ decibels[0].double().numpy().T
    np.testing.assert_allclose(LOG_MEL.mfcc(decibels)[0].numpy(), expected, atol=1e-3)


@pytest.mark.slow
def test_the_log_mel_spectrogram_equals_librosas() -> None:
    stft = Stft(GTZAN57, device=torch.device("cpu"))
    power_of_music = stft.forward(torch.from_numpy(music(0)[None])).abs().square()
    mel = librosa().feature.melspectrogram(y=music(0), sr=22_050)
    decibels = LOG_MEL.decibels(power_of_music)[0].numpy().T
    np.testing.assert_allclose(decibels, librosa().power_to_db(mel), atol=5e-4)


@pytest.mark.slow
def test_the_filters_of_single_bins_equal_librosas() -> None:
    """Up to 1e-5 of the highest: torchaudio computes them in single precision, librosa in double."""
    bins = torch.eye(1_025)[None] * 1e6
    mel = librosa().filters.mel(sr=22_050, n_fft=2_048).T * 1e6
    filtered = 10 ** (LOG_MEL.decibels(bins)[0].double().numpy() / 10)
    np.testing.assert_allclose(filtered, np.maximum(mel, mel.max() * 1e-8), atol=1e-5 * mel.max())
