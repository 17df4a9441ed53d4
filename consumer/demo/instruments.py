"""Turns notes into sound: a small orchestra of synthesised instruments, each a function of numbers.

Every function gives float32 [n] at `SAMPLE_RATE`, mono, roughly within [-1, 1], not to be written to: what
needs no chance is made once and shared. Pitches are MIDI note numbers (69 is 440 Hz), lengths seconds. Noise
comes from the generator that is passed in, so equal seeds give equal sound.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 44_100
"""Hz: what people upload."""

_remembered = lru_cache(maxsize=96)
"""A piece repeats few notes many times; a note is 0.1 to 1.6 MB."""

Sound = NDArray[np.float32]
_Wave = NDArray[np.float64]


def frequency(pitch: float) -> float:
    """Give a MIDI note number's frequency in Hz, in equal temperament."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def _times(seconds: float) -> _Wave:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _fade(wave: _Wave, *, attack: float, release: float) -> Sound:
    """Ramp both ends (seconds), so that notes begin and end without a click."""
    n_attack = min(round(attack * SAMPLE_RATE), len(wave) // 2)
    n_release = min(round(release * SAMPLE_RATE), len(wave) // 2)
    wave = wave.copy()
    if n_attack:
        wave[:n_attack] *= np.linspace(0.0, 1.0, n_attack)
    if n_release:
        wave[-n_release:] *= np.linspace(1.0, 0.0, n_release)
    sound = wave.astype(np.float32)
    sound.flags.writeable = False
    return sound


def _filter(wave: _Wave, *, low: float, high: float | None = None) -> _Wave:
    """Keep what lies above `low` Hz, and below `high` where it is given: Butterworth, second order each.

    Through the spectrum: a recursion over samples is slow in Python. Equals ``scipy.signal.sosfilt`` of
    ``butter(2, ...)``, a highpass or a bandpass, to 1e-6.
    """
    n = 2 * len(wave)  # the filter rings on: what would wrap around falls into the padding
    # The bilinear transform maps frequencies to tangents, so that the highest becomes infinite.
    warped = np.tan(np.pi * np.clip(np.arange(n // 2 + 1) / n, 1e-9, 0.5 - 1e-9))
    edge = np.tan(np.pi * low / SAMPLE_RATE)
    if high is None:
        s = edge / (1j * warped)
    else:
        other = np.tan(np.pi * high / SAMPLE_RATE)
        s = ((1j * warped) ** 2 + edge * other) / (1j * warped * (other - edge))
    response = 1.0 / (s * s + np.sqrt(2.0) * s + 1.0)
    filtered: _Wave = np.fft.irfft(np.fft.rfft(wave, n) * response, n)[: len(wave)]
    return filtered


def _harmonics(pitch: float, seconds: float, *, levels: tuple[float, ...], vibrato: float = 0.0) -> _Wave:
    """Add sines at multiples of the pitch; `vibrato` is a depth in semitones that sets in after 0.2 s."""
    times = _times(seconds)
    phase = 2 * np.pi * frequency(pitch) * times
    if vibrato:
        bend = vibrato / 12 * np.log(2) * np.sin(2 * np.pi * 5.5 * times) * np.clip(3 * times - 0.6, 0, 1)
        phase = 2 * np.pi * frequency(pitch) * np.cumsum(np.exp(bend)) / SAMPLE_RATE
    # sin(n x) = 2 cos(x) sin((n - 1) x) - sin((n - 2) x): one sine and one cosine serve all harmonics.
    twice_cosine = 2.0 * np.cos(phase)
    before, current = np.zeros_like(times), np.sin(phase)
    wave: _Wave = np.zeros_like(times)
    for number, level in enumerate(levels, start=1):
        if number * frequency(pitch) > 0.45 * SAMPLE_RATE:
            break
        wave += level * current
        before, current = current, twice_cosine * current - before
    return wave


def plucked(pitch: float, seconds: float, *, rng: np.random.Generator, damping: float = 0.996) -> Sound:
    """Pluck a string (Karplus and Strong, 1983): a noise burst that circulates through an averaging delay."""
    period = max(round(SAMPLE_RATE / frequency(pitch)), 2)
    ring: _Wave = rng.uniform(-1.0, 1.0, period)
    rounds = round(seconds * SAMPLE_RATE) // period + 1
    blocks = []
    for _ in range(rounds):
        blocks.append(ring)
        ring = damping * 0.5 * (ring + np.roll(ring, 1))
    return _fade(0.7 * np.concatenate(blocks)[: round(seconds * SAMPLE_RATE)], attack=0.002, release=0.03)


@_remembered
def piano(pitch: float, seconds: float) -> Sound:
    """Strike a soft piano-like tone whose upper partials die first."""
    times = _times(seconds)
    wave: _Wave = np.zeros_like(times)
    for number, level in enumerate((0.5, 0.28, 0.14, 0.09, 0.05, 0.03), start=1):
        # Real strings are stiff: their partials lie a little sharp.
        partial = number * frequency(pitch) * np.sqrt(1 + 0.0004 * number**2)
        if partial < 0.45 * SAMPLE_RATE:
            wave += level * np.sin(2 * np.pi * partial * times) * np.exp(-(1.2 + 0.7 * number) * times)
    return _fade(wave, attack=0.003, release=0.05)


@_remembered
def strings(pitch: float, seconds: float) -> Sound:
    """Bow a small section: three detuned voices with vibrato."""
    levels = (0.5, 0.32, 0.22, 0.15, 0.1, 0.07, 0.05, 0.03)
    voices = [
        _harmonics(pitch + detune, seconds, levels=levels, vibrato=0.15) for detune in (-0.06, 0.0, 0.07)
    ]
    return _fade(np.sum(voices, axis=0) / 3, attack=0.12, release=0.2)


@_remembered
def organ(pitch: float, seconds: float) -> Sound:
    """Hold a drawbar organ's key."""
    levels = (0.4, 0.3, 0.2, 0.12, 0.0, 0.08, 0.0, 0.05)
    return _fade(_harmonics(pitch, seconds, levels=levels), attack=0.01, release=0.03)


@_remembered
def pad(pitch: float, seconds: float) -> Sound:
    """Swell a slow, dark, drifting tone."""
    voices = [_harmonics(pitch + detune, seconds, levels=(0.5, 0.2, 0.1)) for detune in (-0.06, 0.07)]
    return _fade(np.sum(voices, axis=0) / 2, attack=seconds * 0.35, release=seconds * 0.4)


@_remembered
def bass(pitch: float, seconds: float) -> Sound:
    """Play a round finger bass."""
    times = _times(seconds)
    wave = _harmonics(pitch, seconds, levels=(0.6, 0.3, 0.15, 0.06)) * np.exp(-2.0 * times)
    return _fade(wave, attack=0.005, release=0.04)


@_remembered
def brass(pitch: float, seconds: float) -> Sound:
    """Blow a bright, short horn tone."""
    levels = (0.3, 0.28, 0.26, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03)
    return _fade(_harmonics(pitch, seconds, levels=levels, vibrato=0.1), attack=0.03, release=0.06)


@_remembered
def distorted(pitch: float, seconds: float, *, muted: bool = False) -> Sound:
    """Play a power chord (root, fifth, octave) through an overdriven amplifier and its cabinet."""
    times = _times(seconds)
    saw = tuple(1.0 / number for number in range(1, 24))
    chord: _Wave = np.sum([_harmonics(pitch + step, seconds, levels=saw) for step in (0, 7, 12)], axis=0)
    if muted:
        chord *= np.exp(-14.0 * times)
    driven = np.tanh(6.0 * chord)
    return _fade(0.5 * _filter(driven, low=90.0, high=5_000.0), attack=0.002, release=0.02)


@_remembered
def kick(*, punch: float = 1.0) -> Sound:
    """Hit a bass drum: a sine that falls from 150 to 48 Hz, with a click of height `punch`."""
    times = _times(0.28)
    phase = 2 * np.pi * np.cumsum(48 + 102 * np.exp(-28 * times)) / SAMPLE_RATE
    click = 0.3 * punch * np.sin(2 * np.pi * 2_200 * times) * np.exp(-220 * times)
    return _fade(0.95 * np.sin(phase) * np.exp(-11 * times) + click, attack=0.001, release=0.02)


def snare(*, rng: np.random.Generator, crisp: float = 1.0) -> Sound:
    """Hit a snare drum: a short tone under a burst of high noise of height `crisp`."""
    times = _times(0.22)
    rattle = _filter(rng.standard_normal(len(times)), low=1_500.0) * np.exp(-20 * times)
    body = np.sin(2 * np.pi * 190 * times) * np.exp(-26 * times)
    return _fade(0.45 * crisp * rattle + 0.5 * body, attack=0.001, release=0.02)


def hat(*, rng: np.random.Generator, seconds: float = 0.05) -> Sound:
    """Tap a hi-hat or, when longer, let a cymbal ring."""
    times = _times(seconds)
    noise = _filter(rng.standard_normal(len(times)), low=7_000.0)
    return _fade(0.5 * noise * np.exp(-3.5 / seconds * times), attack=0.001, release=0.01)
