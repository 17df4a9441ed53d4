"""Checks the transform against its definition, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.stft import Stft
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import N, music, noise, tone

STFT = Stft(GTZAN57, device=torch.device("cpu"))


def forward(window: np.ndarray) -> torch.Tensor:
    return STFT.forward(torch.from_numpy(window[None]))


def test_a_frame_is_the_transform_of_tapered_samples_around_its_centre() -> None:
    window = music(0)
    frame = 40
    taper = np.hanning(2_049)[:-1]
    samples = window[frame * 512 - 1_024 : frame * 512 + 1_024]
    expected = np.fft.rfft(samples * taper).astype(np.complex64)
    spectrogram = forward(window)
    assert spectrogram.shape == (1, GTZAN57.n_frames, 1_025)
    np.testing.assert_allclose(spectrogram[0, frame].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_the_signal_is_padded_with_zeros() -> None:
    ones = np.ones(N, dtype=np.float32)
    assert abs(forward(ones)[0, 0, 0]) == pytest.approx(512, rel=0.01)
    assert abs(forward(ones)[0, 60, 0]) == pytest.approx(1_024, rel=0.01)


def test_empty_bins_of_a_tone_stay_empty() -> None:
    """In single precision they would hold rounding noise of 1e-5."""
    spectrum = forward(tone(40 * 22_050 / 2_048, amplitude=1.0))[0, 60].abs()
    assert spectrum[40] == pytest.approx(512, rel=1e-4)
    assert spectrum[200:].max() < 1e-3


def test_the_inverse_gives_the_samples_back() -> None:
    windows = torch.from_numpy(np.stack([music(1), noise()]))
    restored = STFT.inverse(STFT.forward(windows))
    assert restored.shape == windows.shape
    np.testing.assert_allclose(restored.numpy(), windows.numpy(), atol=2e-6)


@pytest.mark.slow
def test_the_transform_equals_librosas() -> None:
    window = music(2)
    np.testing.assert_allclose(forward(window)[0].numpy().T, librosa().stft(window), rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_the_inverse_of_an_altered_spectrogram_equals_librosas() -> None:
    spectrogram = forward(music(3))
    spectrogram[..., ::3] = 0
    spectrogram[:, ::7] *= 0.1
    expected = librosa().istft(spectrogram[0].numpy().T, length=N)
    np.testing.assert_allclose(STFT.inverse(spectrogram)[0].numpy(), expected, atol=2e-6)
