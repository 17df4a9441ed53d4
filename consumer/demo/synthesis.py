"""Turns a seed into short synthetic pieces in the manner of a few genres, as samples or as WAV files.

They are test material and a stand-in where there is no music at hand: arranged by rule, played by synthesised
instruments. A label of such a piece says little about how real music is labelled.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.demo import instruments as play
from consumer.demo.instruments import SAMPLE_RATE, Sound

_SWING: Final = 2 / 3
"""Where the off-beat of a swung beat lies."""


class _Score:
    """Collects sounds on a stereo time line that is counted in beats."""

    def __init__(self, seconds: float, *, bpm: float) -> None:
        self.seconds = seconds
        self.beat_seconds = 60.0 / bpm
        self.beats = seconds / self.beat_seconds
        self._mix = np.zeros((round(seconds * SAMPLE_RATE), 2), dtype=np.float32)

    def length(self, beats: float) -> float:
        """Give the seconds of a number of beats, the whole piece at most."""
        return min(beats * self.beat_seconds, self.seconds)

    def add(self, sound: Sound, *, beat: float, level: float = 1.0, side: float = 0.0) -> None:
        """Lay a sound down at a beat; `side` is -1 left to 1 right. What lies past the end is cut."""
        start = round(beat * self.beat_seconds * SAMPLE_RATE)
        room = self._mix[start : start + len(sound)]
        angle = (side + 1) * np.pi / 4
        room += (
            level
            * sound[: len(room), np.newaxis]
            * np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        )

    def bars(self, beats: int = 4) -> list[int]:
        """Give the first beat of each bar."""
        return list(range(0, int(np.ceil(self.beats)), beats))

    def master(self, *, peak: float = 0.85) -> Sound:
        """Scale the mix to a peak and fade both ends, float32 [n, 2]."""
        mix = self._mix * np.float32(peak / max(float(np.abs(self._mix).max(initial=0.0)), 1e-6))
        ramp = np.linspace(0.0, 1.0, min(SAMPLE_RATE // 5, len(mix) // 2), dtype=np.float32)[:, np.newaxis]
        mix[: len(ramp)] *= ramp
        mix[len(mix) - len(ramp) :] *= ramp[::-1]
        return np.asarray(mix, dtype=np.float32)


def _chord(root: int, kind: str = "major") -> tuple[int, ...]:
    steps = {"major": (0, 4, 7), "minor": (0, 3, 7), "seventh": (0, 4, 7, 10), "minor_seventh": (0, 3, 7, 10)}
    return tuple(root + step for step in steps[kind])


def _key(rng: np.random.Generator) -> int:
    return int(rng.integers(-4, 5))


def _classical(seconds: float, rng: np.random.Generator) -> Sound:
    """Play broken chords on a piano under slow strings."""
    score, key = _Score(seconds, bpm=76), _key(rng)
    harmony = [(60, "major"), (57, "minor"), (53, "major"), (55, "major"), (64 - 12, "minor"), (53, "major")]
    for number, beat in enumerate(score.bars()):
        root, kind = harmony[number % len(harmony)]
        notes = _chord(root + key, kind)
        for step, index in enumerate((0, 1, 2, 1, 0, 1, 2, 1)):
            tone = play.piano(notes[index] + 12 * (index == 0 and step > 0), score.length(1.6))
            score.add(tone, beat=beat + step / 2, level=0.5, side=-0.2)
        for index, note in enumerate(notes):
            score.add(play.strings(note, score.length(4)), beat=beat, level=0.16, side=0.3 * (index - 1))
        melody = notes[int(rng.integers(0, 3))] + 12
        score.add(play.strings(melody, score.length(3)), beat=beat + 1, level=0.35, side=0.4)
    return score.master()


def _jazz(seconds: float, rng: np.random.Generator) -> Sound:
    """Play walking bass, ride cymbal and a swung horn over ii-V-I-VI."""
    score, key = _Score(seconds, bpm=144), _key(rng)
    harmony = [(50, "minor_seventh"), (55, "seventh"), (48, "major"), (57, "seventh")]
    for number, beat in enumerate(score.bars()):
        root, kind = harmony[number % 4]
        notes = _chord(root + key, kind)
        for step in range(4):
            walk = notes[step % len(notes)] - 12 + int(rng.integers(0, 2)) * (step == 3)
            score.add(play.bass(walk, score.length(0.95)), beat=beat + step, level=0.9)
            score.add(play.hat(rng=rng, seconds=0.28), beat=beat + step, level=0.16, side=0.4)
            if step % 2:
                score.add(play.hat(rng=rng, seconds=0.12), beat=beat + step + _SWING, level=0.12, side=0.4)
                score.add(play.hat(rng=rng), beat=beat + step, level=0.3, side=-0.3)
        for offset in (_SWING, 2 + _SWING):
            for note in notes[1:]:
                score.add(play.piano(note + 12, score.length(0.6)), beat=beat + offset, level=0.28, side=-0.5)
        for step in sorted(rng.choice(8, size=5, replace=False)):
            note = notes[int(rng.integers(0, len(notes)))] + 24
            when = beat + step // 2 + (_SWING if step % 2 else 0.0)
            score.add(play.brass(note, score.length(0.5)), beat=when, level=0.3, side=0.15)
    return score.master()


def _metal(seconds: float, rng: np.random.Generator) -> Sound:
    """Play a palm-muted riff, doubled left and right, over double bass drum."""
    score, key = _Score(seconds, bpm=168), _key(rng) // 2
    riff = [0, 0, 12, 0, 0, 10, 0, 7, 0, 0, 6, 0, 5, 0, 3, 1]
    for number, beat in enumerate(score.bars()):
        for step, interval in enumerate(riff):
            pitch = 40 + key + (interval if number % 4 != 3 else interval // 2)
            chord = play.distorted(pitch, score.length(0.25), muted=interval == 0)
            for side in (-0.8, 0.8):
                score.add(chord, beat=beat + step / 4 + 0.01 * (side > 0), level=0.42, side=side)
            score.add(play.kick(punch=1.6), beat=beat + step / 4, level=0.55)
        for step in (1, 3):
            score.add(play.snare(rng=rng, crisp=1.3), beat=beat + step, level=0.8)
        score.add(play.hat(rng=rng, seconds=0.9), beat=beat, level=0.35, side=0.5)
    return score.master(peak=0.95)


def _disco(seconds: float, rng: np.random.Generator) -> Sound:
    """Play four on the floor, open hats between, octave bass and string stabs."""
    score, key = _Score(seconds, bpm=120), _key(rng)
    harmony = [(57, "minor_seventh"), (62, "minor_seventh"), (55, "seventh"), (60, "major")]
    for number, beat in enumerate(score.bars()):
        root, kind = harmony[number % 4]
        notes = _chord(root + key, kind)
        for step in range(4):
            score.add(play.kick(), beat=beat + step, level=0.9)
            score.add(play.hat(rng=rng, seconds=0.18), beat=beat + step + 0.5, level=0.4, side=0.2)
            score.add(play.bass(notes[0] - 24, score.length(0.45)), beat=beat + step, level=0.8)
            score.add(play.bass(notes[0] - 12, score.length(0.4)), beat=beat + step + 0.5, level=0.7)
            if step % 2:
                score.add(play.snare(rng=rng), beat=beat + step, level=0.6)
        for offset in (0.0, 0.75, 1.5, 2.5, 3.25):
            for note in notes:
                score.add(play.plucked(note, 0.18, rng=rng), beat=beat + offset, level=0.2, side=-0.5)
        for note in notes:
            score.add(play.strings(note + 12, score.length(3)), beat=beat, level=0.2, side=0.5)
    return score.master(peak=0.95)


def _reggae(seconds: float, rng: np.random.Generator) -> Sound:
    """Play guitar and organ on the off-beat, one drop on the third beat, a melodic bass."""
    score, key = _Score(seconds, bpm=76), _key(rng)
    harmony = [(57, "minor"), (55, "major"), (53, "major"), (55, "major")]
    line = ((0.0, 0), (0.75, 0), (1.5, 2), (2.0, 1), (3.0, 0), (3.5, 1))
    for number, beat in enumerate(score.bars()):
        root, kind = harmony[number % 4]
        notes = _chord(root + key, kind)
        for step in range(4):
            for note in notes:
                skank = play.plucked(note + 12, 0.14, rng=rng, damping=0.98)
                score.add(skank, beat=beat + step + 0.5, level=0.4, side=-0.4)
                score.add(play.organ(note, score.length(0.2)), beat=beat + step + 0.5, level=0.16, side=0.4)
            for half in (0.0, 0.5):
                score.add(play.hat(rng=rng), beat=beat + step + half, level=0.2, side=0.3)
        score.add(play.kick(), beat=beat + 2, level=0.9)
        score.add(play.snare(rng=rng, crisp=0.7), beat=beat + 2, level=0.5)
        for offset, index in line:
            score.add(play.bass(notes[index] - 24, score.length(0.7)), beat=beat + offset, level=1.0)
    return score.master()


def _hiphop(seconds: float, rng: np.random.Generator) -> Sound:
    """Play a laid-back drum break, a deep bass and a looped piano phrase."""
    score, key = _Score(seconds, bpm=90), _key(rng)
    loop = [int(note) for note in rng.choice((60, 63, 65, 67, 70, 72), size=6)]
    for number, beat in enumerate(score.bars()):
        for offset in (0.0, 0.75, 2.5) if number % 2 else (0.0, 1.75, 2.25):
            score.add(play.kick(punch=0.7), beat=beat + offset, level=1.0)
            score.add(play.bass(33 + key, score.length(0.7)), beat=beat + offset, level=0.9)
        for offset in (1, 3):
            score.add(play.snare(rng=rng, crisp=0.9), beat=beat + offset, level=0.85)
        for step in range(8):
            late = 0.06 * (step % 2)
            score.add(play.hat(rng=rng), beat=beat + step / 2 + late, level=0.3, side=0.2)
        for note, offset in zip(loop, (0.0, 0.5, 1.5, 2.0, 2.75, 3.5), strict=True):
            score.add(play.piano(note + key, score.length(1.2)), beat=beat + offset, level=0.35, side=-0.3)
    return score.master(peak=0.95)


def _ambient(seconds: float, rng: np.random.Generator) -> Sound:
    """Play slow pads that overlap, and a few far-off bells."""
    score, key = _Score(seconds, bpm=60), _key(rng)
    for number, beat in enumerate(score.bars(5)):
        root = (48, 53, 45, 50)[number % 4] + key
        for index, step in enumerate((0, 7, 12, 16)):
            score.add(
                play.pad(root + step, min(8.0, seconds)), beat=beat, level=0.3, side=0.4 * (index - 1.5)
            )
        for _ in range(2):
            note = root + 24 + int(rng.choice((0, 2, 4, 7, 9)))
            score.add(
                play.piano(note, min(4.0, seconds)),
                beat=beat + float(rng.uniform(0, 4)),
                level=0.12,
                side=0.6,
            )
    return score.master(peak=0.6)


def _blues(seconds: float, rng: np.random.Generator) -> Sound:
    """Play a shuffle in twelve bars with an answering guitar."""
    score, key = _Score(seconds, bpm=100), _key(rng)
    degrees = (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 7)
    scale = (0, 3, 5, 6, 7, 10, 12)
    for number, beat in enumerate(score.bars()):
        root = 52 + key + degrees[number % 12]
        for step in range(4):
            for place, fifth in ((0.0, 7), (_SWING, 9 if step % 2 else 7)):
                for note in (root - 12, root - 12 + fifth):
                    pluck = play.plucked(note, score.length(0.5), rng=rng)
                    score.add(pluck, beat=beat + step + place, level=0.4, side=-0.3)
                score.add(play.hat(rng=rng), beat=beat + step + place, level=0.2, side=0.3)
            score.add(
                play.bass(root - 24 + (0, 4, 7, 9)[step], score.length(0.9)), beat=beat + step, level=0.8
            )
            drum = play.snare(rng=rng, crisp=0.8) if step % 2 else play.kick()
            score.add(drum, beat=beat + step, level=0.7)
        if number % 2:
            for step in range(5):
                note = 64 + key + int(rng.choice(scale))
                pluck = play.plucked(note, score.length(0.8), rng=rng, damping=0.999)
                score.add(pluck, beat=beat + step * _SWING, level=0.55, side=0.3)
    return score.master()


_ARRANGEMENTS: Final[dict[str, Callable[[float, np.random.Generator], Sound]]] = {
    "classical": _classical,
    "jazz": _jazz,
    "metal": _metal,
    "disco": _disco,
    "reggae": _reggae,
    "hiphop": _hiphop,
    "ambient": _ambient,
    "blues": _blues,
}

MANNERS: Final = tuple(_ARRANGEMENTS)
"""What `synthesize` can write in the manner of."""


def synthesize(manner: str, *, seconds: float = 15.0, seed: int = 0) -> Sound:
    """Arrange and play one piece.

    Parameters
    ----------
    manner : str
        One of `MANNERS`.
    seconds : float
        Length, greater than 0.
    seed : int
        Equal arguments give equal samples.

    Returns
    -------
    ndarray, shape (n, 2), float32
        Stereo at `SAMPLE_RATE`, in [-0.95, 0.95].
    """
    rng = np.random.default_rng([seed, MANNERS.index(manner)])
    return _ARRANGEMENTS[manner](seconds, rng)


def write_wav(samples: NDArray[np.float32], path: Path, *, sample_rate: int = SAMPLE_RATE) -> Path:
    """Write samples [n] or [n, channels] in [-1, 1] as a 16-bit WAV file."""
    pcm = np.clip(np.rint(samples * 32_767), -32_768, 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm.tobytes())
    return path


def write_pieces(
    folder: Path, *, manners: Sequence[str] = MANNERS, seconds: float = 15.0, seed: int = 0
) -> list[Path]:
    """Write one piece a manner as `synthetic-<manner>.wav` into an existing folder."""
    return [
        write_wav(synthesize(manner, seconds=seconds, seed=seed), folder / f"synthetic-{manner}.wav")
        for manner in manners
    ]
