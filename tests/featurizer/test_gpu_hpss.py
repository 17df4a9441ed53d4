"""Checks the split into harmonic and percussive parts on sounds that are either, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.hpss import harmonic_spectrogram, soft_mask
from featurizer.gpu.stft import Stft
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import clicks, music, tone

STFT = Stft(GTZAN57, device=torch.device("cpu"))


def split(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    windows = torch.from_numpy(window[None])
    spectrogram = STFT.forward(windows)
    scaled = harmonic_spectrogram(spectrogram, magnitude=spectrogram.abs(), kernel=31)
    harmonic = STFT.inverse(scaled)
    return harmonic[0].numpy(), (windows - harmonic)[0].numpy()


def test_a_tone_is_harmonic_and_a_click_percussive() -> None:
    harmonic, percussive = split(tone(440.0))
    assert harmonic.var() > 1_000 * percussive.var()
    harmonic, percussive = split(clicks(20_000, 40_000))
    assert percussive.var() > 1_000 * harmonic.var()


def test_the_mask_is_the_share_of_power() -> None:
    mask = soft_mask(torch.tensor([3.0, 0.0, 1.0]), torch.tensor([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(mask, [0.9, 0.0, 0.5])


@pytest.mark.parametrize("level", [0.0, 1e-40])
def test_the_mask_of_silence_is_half(level: float) -> None:
    assert soft_mask(torch.tensor([level]), torch.tensor([0.0])).item() == 0.5


def test_the_mask_does_not_overflow_or_underflow() -> None:
    for level in (1e-30, 1e30):
        assert soft_mask(torch.tensor([3 * level]), torch.tensor([level])).item() == pytest.approx(0.9)


@pytest.mark.slow
def test_both_parts_equal_librosas() -> None:
    window = music(1)
    for part, expected in zip(split(window), librosa().effects.hpss(window), strict=True):
        np.testing.assert_allclose(part, expected, atol=2e-6)
