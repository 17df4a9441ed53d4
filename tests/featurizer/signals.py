"""Makes windows to featurize: pieces in the manner of music, and the edge cases of real uploads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57

Samples = NDArray[np.float32]

N = GTZAN57.window_samples
TIME = np.arange(N) / GTZAN57.sample_rate
BIN_HZ = GTZAN57.sample_rate / GTZAN57.n_fft


def tone(hz: float, *, amplitude: float = 0.5) -> Samples:
    """A sine over the whole window."""
    return (amplitude * np.sin(2 * np.pi * hz * TIME)).astype(np.float32)


def noise(*, seed: int = 0, amplitude: float = 0.1) -> Samples:
    """White Gaussian noise."""
    return (amplitude * np.random.default_rng(seed).standard_normal(N)).astype(np.float32)


def clicks(*positions: int, amplitude: float = 1.0) -> Samples:
    """Silence but for single samples."""
    window = np.zeros(N, dtype=np.float32)
    window[list(positions)] = amplitude
    return window


def drum_beat(bpm: float) -> Samples:
    """Short noise bursts, one a beat."""
    beat_seconds = 60 / bpm
    decay = np.exp(-((TIME + 0.1) % beat_seconds) / 0.02)
    return (noise(seed=1, amplitude=0.3) * decay).astype(np.float32)


def music(seed: int) -> Samples:
    """A chord a beat, slightly out of tune, with a bass, drums and hiss."""
    rng = np.random.default_rng(seed)
    beat_seconds = 60 / rng.uniform(70, 170)
    tuning = 2 ** (rng.uniform(-0.5, 0.5) / 12)
    beat = (TIME / beat_seconds).astype(int)
    since_beat = TIME - beat * beat_seconds
    roots = rng.integers(36, 60, size=beat.max() + 1)
    sound = np.zeros(N)
    for interval in (-12, 0, 4, 7, 12, 16):
        hz = tuning * 440 * 2 ** ((roots[beat] + interval - 57) / 12)
        phase = 2 * np.pi * np.cumsum(hz) / GTZAN57.sample_rate
        sound += sum(np.sin(k * phase) / k**2 for k in (1, 2, 3)) * rng.uniform(0.02, 0.15)
    sound *= np.exp(-since_beat / rng.uniform(0.1, 1.0))
    sound += rng.normal(0, 0.2, N) * np.exp(-since_beat / 0.03)
    sound += rng.normal(0, 10 ** rng.uniform(-4, -2), N)
    return (sound * 10 ** rng.uniform(-1, 0)).astype(np.float32)


EDGE_CASES: dict[str, Callable[[], Samples]] = {
    "silence": lambda: np.zeros(N, dtype=np.float32),
    "noise below the logarithm's floor": lambda: noise(amplitude=1e-9),
    "noise whose power underflows": lambda: noise(amplitude=1e-22),
    "denormal samples": lambda: noise(amplitude=1e-40),
    "silence, then noise": lambda: noise() * (TIME > 1.5),
    "constant": lambda: np.full(N, 0.5, dtype=np.float32),
    "step": lambda: (0.8 * (TIME > 1.7)).astype(np.float32),
    "full-scale square wave": lambda: np.sign(tone(220.0)),
    "clipped music": lambda: np.clip(30 * music(9), -1, 1),
    "music 30 times too loud": lambda: 30 * music(9),
    "alternating samples": lambda: np.where(np.arange(N) % 2, 1, -1).astype(np.float32),
    "tone at 440 Hz": lambda: tone(440.0),
    "tone at a bin's centre": lambda: tone(40 * BIN_HZ),
    "tone between two bins": lambda: tone(40.5 * BIN_HZ),
    "tone below all pitches": lambda: tone(60.0),
    "tone above all pitches": lambda: tone(9_000.0),
    "tone that swells": lambda: (tone(330.0) * (1 + np.sin(2 * np.pi * 2 * TIME))).astype(np.float32),
    "chirp": lambda: (0.5 * np.sin(2 * np.pi * (100 + 1_500 * TIME) * TIME)).astype(np.float32),
    "click": lambda: clicks(33_075),
    "click at the first sample": lambda: clicks(0),
    "click at the second sample": lambda: clicks(1),
    "click at the last sample": lambda: clicks(N - 1),
    "faint click": lambda: clicks(40_000, amplitude=1e-3),
    "two clicks a second": lambda: clicks(*range(5_000, N, 11_025)),
    "clicks at 220 Hz": lambda: clicks(*range(0, N, 100)),
    "white noise": noise,
    "short clip repeated": lambda: np.tile(noise()[: N // 3], 3),
}
"""Every window that an upload may hold and that has broken a featurizer somewhere; all are finite."""
