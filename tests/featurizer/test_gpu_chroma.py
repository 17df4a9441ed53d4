"""Checks tuning and chroma on chords whose pitches are known, and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.gpu.chroma import Chroma
from featurizer.gpu.pitch_table import pitch_table
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.stft import Stft
from featurizer.gpu.tuning import TuningEstimator, median_height
from featurizer.pitches import pitch_limits
from featurizer.spec import GTZAN57
from featurizer.tables import tuning_edges
from tests.featurizer.oracle import librosa
from tests.featurizer.signals import EDGE_CASES, music, tone

CPU = torch.device("cpu")
STFT = Stft(GTZAN57, device=CPU)
CHROMA = Chroma(GTZAN57, device=CPU)
TUNING = TuningEstimator(GTZAN57, device=CPU)


def power(*windows: np.ndarray) -> torch.Tensor:
    return magnitude(STFT.forward(torch.from_numpy(np.stack(windows)))).square()


def tuning(*windows: np.ndarray) -> list[float]:
    return [float(tuning_edges()[index]) for index in TUNING(power(*windows))]


def chord(*, deviation: float) -> np.ndarray:
    """A, C sharp and E over two octaves, all off by `deviation` semitones."""
    notes = (0, 4, 7, 12, 16, 19)
    tones = [tone(440 * 2 ** ((note + deviation) / 12), amplitude=0.1) for note in notes]
    mixed: np.ndarray = np.stack(tones).sum(axis=0, dtype=np.float32)
    return mixed


@pytest.mark.parametrize("deviation", [-0.45, -0.2, 0.0, 0.2, 0.45])
def test_a_chord_off_by_a_part_of_a_semitone_has_that_tuning(deviation: float) -> None:
    assert tuning(chord(deviation=deviation))[0] == pytest.approx(deviation, abs=0.04)


def test_a_pitchs_bin_is_numpys_to_the_last_place() -> None:
    """Around every edge and in between: numpy's own logarithm, floor and histogram are the oracle."""
    lowest, highest = pitch_limits(GTZAN57)
    edges = pitch_table(GTZAN57).edges.view(np.int32)
    around = (edges[:, None] + np.arange(-40, 41, dtype=np.int32)).view(np.float32).ravel()
    between = np.random.default_rng(0).uniform(lowest, highest, 100_000).astype(np.float32)
    pitch = np.concatenate([around[(around >= lowest) & (around <= highest)], between])
    deviation = np.mod(12 * np.log2(pitch / np.float32(27.5)), 1.0)
    deviation[deviation >= 0.5] -= 1.0
    expected = np.searchsorted(tuning_edges(), deviation.astype(np.float64), side="right") - 1
    np.testing.assert_array_equal(TUNING.tuning_bin(torch.from_numpy(pitch)).numpy(), expected)


def test_a_deviation_on_an_edge_belongs_to_the_bin_above_it() -> None:
    # 220 Hz is three octaves above A0; a power of two is exact in any logarithm.
    on, below = torch.tensor([220.0]), torch.tensor([float(np.nextafter(np.float32(220), np.float32(0)))])
    assert TUNING.tuning_bin(on).item() == 50
    assert TUNING.tuning_bin(below).item() in (49, 50)
    assert TUNING.tuning_bin(torch.tensor([219.99])).item() == 49


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 101, 1_000])
def test_the_threshold_is_numpys_median_of_the_peaks(n: int) -> None:
    heights = np.full((2, 1_200), np.nan, dtype=np.float32)
    rng = np.random.default_rng(n)
    heights[0, rng.permutation(1_200)[:n]] = rng.lognormal(0, 3, n)
    heights[1, :n] = rng.integers(1, 4, n)
    threshold = median_height(torch.from_numpy(heights)).numpy()
    expected = [np.median(row[np.isfinite(row)]) if n else np.float32(np.nan) for row in heights]
    np.testing.assert_array_equal(threshold, np.array(expected, dtype=np.float32))


def test_each_window_has_its_own_tuning() -> None:
    silence = np.zeros_like(chord(deviation=0))
    low, none, high, end = tuning(chord(deviation=-0.3), silence, chord(deviation=0.3), silence)
    assert low == pytest.approx(-0.3, abs=0.04)
    assert high == pytest.approx(0.3, abs=0.04)
    assert (none, end) == (0, 0)


def test_chroma_of_a_chord_is_its_pitch_classes() -> None:
    frame = CHROMA(power(chord(deviation=0.0)))[0, 60]
    assert set(frame.topk(3).indices.tolist()) == {9, 1, 4}
    assert frame.max() == 1


def test_chroma_of_silence_is_zero() -> None:
    assert not CHROMA(torch.zeros(1, 130, 1_025)).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Trying to estimate tuning")
def test_tuning_equals_librosas_to_the_bit() -> None:
    windows = [music(seed) for seed in range(20)]
    windows += [EDGE_CASES[name]() for name in ("silence", "click", "faint click", "white noise", "constant")]
    spectrograms = [np.abs(librosa().stft(window)) ** 2 for window in windows]
    assert tuning(*windows) == [librosa().estimate_tuning(S=spectrogram) for spectrogram in spectrograms]


@pytest.mark.slow
def test_chroma_equals_librosas() -> None:
    expected = librosa().feature.chroma_stft(y=music(4), sr=22_050)
    np.testing.assert_allclose(CHROMA(power(music(4)))[0].numpy().T, expected, atol=2e-6)
