"""Turns an index into a window of synthetic sound whose bits are the same on every machine.

Only IEEE additions, multiplications, divisions and floors of float64 are used, one numpy operation at a time,
and raw bits of PCG64, which numpy keeps stable: no library's sine, no vector unit's sum. So the oracle's
values can travel without the windows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57

Samples = NDArray[np.float64]

SAMPLE_RATE: Final = GTZAN57.sample_rate
N: Final = GTZAN57.window_samples
TIME: Final = np.arange(N) / SAMPLE_RATE
SEMITONES: Final = (
    1.0,
    1.0594630943592953,
    1.122462048309373,
    1.189207115002721,
    1.2599210498948732,
    1.3348398541700344,
    1.4142135623730951,
    1.4983070768766815,
    1.5874010519681994,
    1.681792830507429,
    1.7817974362806785,
    1.8877486253633868,
)
"""Equal temperament, written out: libraries differ in the last place of a power."""
_SINE: Final = (
    6.283185307179586,
    -41.34170224039976,
    81.60524927607504,
    -76.70585975306136,
    42.05869394489765,
    -15.094642576822984,
    3.819952584848281,
)
"""Taylor's series of sin(2 pi x) in x, x**3, ...: to 1e-6 on [-1/4, 1/4]."""


def sine(turns: Samples) -> Samples:
    """Give the sine of an angle in full turns."""
    folded = turns - np.floor(turns + 0.5)
    folded = np.where(folded > 0.25, 0.5 - folded, np.where(folded < -0.25, -0.5 - folded, folded))
    square = folded * folded
    total = np.full_like(folded, _SINE[-1])
    for coefficient in _SINE[-2::-1]:
        total = total * square + coefficient
    return total * folded


def noise(seed: int) -> Samples:
    """Give nearly Gaussian noise of unit variance: four 16-bit numbers to a sample."""
    raw = np.random.PCG64(seed).random_raw(N)
    total = np.zeros(N)
    for part in range(4):
        total = total + ((raw >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.float64)
    return (total - 131_070.0) * (1.7320508075688772 / 65_536.0)


def _decay(since: Samples, seconds: float) -> Samples:
    """Fall from 1 like an exponential at first, by division alone."""
    fall = 1.0 + since / (4.0 * seconds)
    square = fall * fall
    return 1.0 / (square * square)


def _numbers(seed: int, n: int) -> Samples:
    """Give uniform numbers in [0, 1)."""
    return (np.random.PCG64(seed).random_raw(n) >> np.uint64(11)).astype(np.float64) / 9_007_199_254_740_992.0


def _since_beat(bpm: float) -> tuple[NDArray[np.int64], Samples]:
    beats = TIME * (bpm / 60.0)
    beat = np.floor(beats)
    return beat.astype(np.int64), (beats - beat) * (60.0 / bpm)


def music(seed: int) -> Samples:
    """Play a chord a beat, a little out of tune, with bass, drums and hiss."""
    given = _numbers(seed, 8)
    beat, since = _since_beat(70.0 + 100.0 * given[0])
    roots = np.floor(_numbers(seed + 10_000, 16) * 24.0).astype(np.int64)[beat]
    tuning = 0.972 + 0.057 * given[1]
    sound = np.zeros(N)
    for number, interval in enumerate((0, 12, 16, 19, 24, 28)):
        steps = roots + interval
        octave = np.array([55.0, 110.0, 220.0, 440.0, 880.0])[steps // 12]
        turns = (tuning * octave * np.array(SEMITONES)[steps % 12]) * since
        level = 0.02 + 0.1 * given[2 + number % 4]
        sound = sound + level * (sine(turns) + 0.25 * sine(2.0 * turns) + 0.1 * sine(3.0 * turns))
    sound = sound * _decay(since, 0.1 + 0.8 * given[6])
    sound = sound + 0.2 * noise(seed + 20_000) * _decay(since, 0.02)
    played: Samples = (0.1 + 0.8 * given[7]) * (sound + 0.002 * noise(seed + 30_000))
    return played


def drums(seed: int) -> Samples:
    """Bursts of noise and a low thump, one a beat."""
    _, since = _since_beat(60.0 + 110.0 * _numbers(seed, 1)[0])
    thump = 0.5 * sine(60.0 * since) * _decay(since, 0.05)
    return thump + 0.3 * noise(seed) * _decay(since, 0.03) + 0.0005 * noise(seed + 1)


def chord(seed: int) -> Samples:
    """Hold a triad with three octaves and some hiss."""
    root = 110.0 * SEMITONES[seed % 12] * (0.98 + 0.04 * _numbers(seed, 1)[0])
    notes = (1.0, SEMITONES[3 + seed % 2], SEMITONES[7], 2.0, 4.0)
    sound = np.zeros(N)
    for note in notes:
        sound = sound + 0.1 * sine(root * note * TIME)
    return sound + 0.001 * noise(seed)


def tone(seed: int) -> Samples:
    """Hold a single sine, between 60 Hz and 9 kHz."""
    hz = (60.0, 150.0, 220.0, 440.0, 861.328125, 1_000.0, 3_000.0, 9_000.0)
    return 0.5 * sine(hz[seed % 8] * TIME)


def clicks(seed: int) -> Samples:
    """Silence but for one to four full-scale samples."""
    window = np.zeros(N)
    window[np.floor(_numbers(seed, 1 + seed % 4) * N).astype(np.int64)] = 1.0
    return window


def hiss(seed: int) -> Samples:
    """Noise, each time a hundred times fainter."""
    return noise(seed) * (0.1, 0.001, 0.00001)[seed % 3]


def swelling(seed: int) -> Samples:
    """Sing a chirp that comes and goes."""
    return 0.5 * sine((100.0 + 300.0 * (seed % 4)) * TIME * TIME) * (0.55 + 0.45 * sine(2.0 * TIME))


def silence(_: int) -> Samples:
    """Digital silence."""
    return np.zeros(N)


def clipped(seed: int) -> Samples:
    """Music far too loud, cut off at full scale."""
    return np.minimum(np.maximum(30.0 * music(seed), -1.0), 1.0)


KINDS: Final[dict[str, tuple[Callable[[int], Samples], int]]] = {
    "music": (music, 40),
    "drums": (drums, 8),
    "chord": (chord, 8),
    "tone": (tone, 8),
    "click": (clicks, 4),
    "noise": (hiss, 3),
    "swelling": (swelling, 4),
    "silence": (silence, 1),
    "clipped": (clipped, 4),
}
"""How each kind of window is made, and how many of them the oracle has: 80 together."""


def windows() -> tuple[NDArray[np.float32], list[str]]:
    """Make the oracle's windows, shape [80, window_samples], float32, and the kind of each."""
    made, kinds = [], []
    for kind, (make, count) in KINDS.items():
        made += [make(seed).astype(np.float32) for seed in range(count)]
        kinds += [kind] * count
    return np.stack(made), kinds


def checksum(samples: NDArray[np.float32]) -> str:
    """Give the SHA-256 of samples as little-endian bytes, hex."""
    return hashlib.sha256(np.ascontiguousarray(samples, dtype="<f4").tobytes()).hexdigest()
