"""Tests of the synthetic pieces: deterministic, audible, different from each other, and readable as WAV."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from consumer.demo.instruments import SAMPLE_RATE
from consumer.demo.synthesis import MANNERS, synthesize, write_pieces, write_wav

SECONDS = 1.0


@pytest.mark.parametrize("manner", MANNERS)
def test_a_piece_has_its_length_is_audible_and_never_clips(manner: str) -> None:
    piece = synthesize(manner, seconds=SECONDS)

    assert piece.dtype == np.float32
    assert piece.shape == (round(SECONDS * SAMPLE_RATE), 2)
    assert np.isfinite(piece).all()
    assert 0.5 < np.abs(piece).max() <= 0.951
    assert np.sqrt(np.mean(piece**2)) > 0.05
    assert abs(piece.mean()) < 0.01


@pytest.mark.parametrize("manner", ["jazz", "metal"])
def test_equal_seeds_give_equal_pieces_and_other_seeds_others(manner: str) -> None:
    once = synthesize(manner, seconds=SECONDS, seed=1)

    assert np.array_equal(once, synthesize(manner, seconds=SECONDS, seed=1))
    assert not np.array_equal(once, synthesize(manner, seconds=SECONDS, seed=2))


def _brightness(manner: str) -> float:
    mono = synthesize(manner, seconds=SECONDS).mean(axis=1)
    magnitude = np.abs(np.fft.rfft(mono))
    return float(np.sum(magnitude * np.fft.rfftfreq(len(mono), 1 / SAMPLE_RATE)) / magnitude.sum())


def test_metal_is_brighter_than_ambient() -> None:
    assert _brightness("metal") > 3 * _brightness("ambient")


def test_a_piece_begins_and_ends_in_silence() -> None:
    piece = synthesize("disco", seconds=SECONDS)

    assert np.abs(piece[[0, -1]]).max() == 0.0


def test_pieces_are_written_under_honest_names(tmp_path: Path) -> None:
    paths = write_pieces(tmp_path, manners=("jazz", "hiphop"), seconds=SECONDS)

    assert [path.name for path in paths] == ["synthetic-jazz.wav", "synthetic-hiphop.wav"]
    with wave.open(str(paths[0])) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, SAMPLE_RATE, 2)
        assert file.getnframes() == round(SECONDS * SAMPLE_RATE)
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    expected = synthesize("jazz", seconds=SECONDS)
    assert np.abs(pcm / 32_767 - expected).max() <= 0.5 / 32_767 + 1e-6  # half a step of 16 bits


def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path) -> None:
    path = write_wav(np.array([2.0, -2.0], dtype=np.float32), tmp_path / "loud.wav")

    with wave.open(str(path)) as file:
        assert np.frombuffer(file.readframes(2), dtype="<i2").tolist() == [32_767, -32_768]
