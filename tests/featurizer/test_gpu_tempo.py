"""Checks the tempo of beats whose tempo is known, and against librosa's beat tracker."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.mel import LogMel
from featurizer.gpu.stft import Stft
from featurizer.gpu.tempo import Tempo
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import drum_beat, music, noise

CPU = torch.device("cpu")
STFT = Stft(GTZAN57, device=CPU)
LOG_MEL = LogMel(GTZAN57, device=CPU)
TEMPO = Tempo(GTZAN57, device=CPU)


def tempi(windows: list[np.ndarray]) -> list[float]:
    spectrogram = STFT.forward(torch.from_numpy(np.stack(windows)))
    result: list[float] = TEMPO(LOG_MEL.decibels(spectrogram.abs().square())).tolist()
    return result


def pulses(period_frames: int) -> torch.Tensor:
    """A log-mel spectrogram, shape [1, 130, 128], that leaps by 40 dB every `period_frames` frames."""
    decibels = torch.full((1, GTZAN57.n_frames, GTZAN57.n_mels), -40.0)
    decibels[:, 5::period_frames] = 0
    return decibels


@pytest.mark.parametrize("period_frames", [15, 20, 25, 30])
def test_the_tempo_of_regular_leaps_is_their_rate(period_frames: int) -> None:
    assert TEMPO(pulses(period_frames)).item() == pytest.approx(60 * 22_050 / 512 / period_frames)


def test_among_multiples_the_one_nearest_to_120_beats_a_minute_wins() -> None:
    assert TEMPO(pulses(7)).item() == pytest.approx(60 * 22_050 / 512 / 21)


def test_rhythms_over_320_beats_a_minute_are_ruled_out() -> None:
    """Two onsets 6 frames apart repeat at 431 beats a minute only; without them the prior decides."""
    decibels = torch.full((1, 130, 128), -40.0)
    decibels[:, [50, 56]] = 0
    assert TEMPO(decibels).item() == pytest.approx(60 * 22_050 / 512 / 22)


def test_what_never_gets_louder_has_no_tempo() -> None:
    fading = torch.linspace(0, -60, GTZAN57.n_frames)[None, :, None].expand(1, -1, GTZAN57.n_mels)
    assert TEMPO(fading).item() == 0
    assert TEMPO(torch.full((2, 130, 128), -100.0)).tolist() == [0, 0]


def test_an_onset_in_fewer_than_half_of_all_mels_does_not_count() -> None:
    decibels = torch.full((1, 130, 128), -40.0)
    decibels[:, 5::20, :63] = 0
    assert TEMPO(decibels).item() == 0


def test_an_onset_is_placed_two_frames_after_the_frame_that_first_hears_it() -> None:
    decibels = torch.full((1, 130, 128), -40.0)
    decibels[:, 50:] = -30
    strength = TEMPO.onset_strength(decibels)[0]
    assert strength.nonzero().tolist() == [[52]]
    assert strength[52] == 10


@pytest.mark.slow
def test_onset_strength_equals_librosas_to_the_bit() -> None:
    decibels = LOG_MEL.decibels(STFT.forward(torch.from_numpy(music(0)[None])).abs().square())
    expected = librosa().onset.onset_strength(S=decibels[0].numpy().T, sr=22_050, aggregate=np.median)
    np.testing.assert_array_equal(TEMPO.onset_strength(decibels)[0].numpy(), expected)


@pytest.mark.slow
def test_mean_autocorrelation_equals_that_of_librosas_tempogram() -> None:
    """The envelope begins and ends loud, so that it must fade in and out as librosa lets it."""
    envelope = np.random.default_rng(0).uniform(0, 5, GTZAN57.n_frames).astype(np.float32)
    tempogram = librosa().feature.tempogram(onset_envelope=envelope, sr=22_050, win_length=344)
    autocorrelation = TEMPO.mean_autocorrelation(torch.from_numpy(envelope[None]))[0]
    np.testing.assert_allclose(autocorrelation.numpy(), tempogram.mean(axis=-1), atol=1e-12)


@pytest.mark.slow
def test_tempi_equal_those_of_librosas_beat_tracker() -> None:
    windows = [music(seed) for seed in range(10)] + [drum_beat(bpm) for bpm in (70, 100, 180)] + [noise()]
    expected = [
        float(np.atleast_1d(librosa().beat.beat_track(y=window, sr=22_050)[0])[0]) for window in windows
    ]
    assert tempi(windows) == pytest.approx(expected, rel=1e-9)
