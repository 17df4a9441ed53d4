"""Turns `--audio`, or nothing, into the music to measure on: sources, windows of them, and whole tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.audio_files import find_audio
from consumer.bench.encoding import FORMATS, SAMPLE_RATE, Stereo, read_stereo, write
from consumer.demo.synthesis import MANNERS, synthesize, write_wav
from consumer.errors import SettingsError
from featurizer.errors import AudioError, NotAudioError
from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.track import TrackReader

SHORT_SECONDS: Final = 30.0
LONG_SECONDS: Final = 240.0
"""Lengths of the tracks that are uploaded: an excerpt and a song."""
_SIDE_DELAY_SAMPLES: Final = 441
"""10 ms between left and right, where a source has one channel: a copy would cost an encoder, and so the
decoder, less than the stereo that people upload."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Audio files to take music from, in a fixed order; `real` is false where they were synthesised."""

    paths: tuple[Path, ...]
    real: bool

    @property
    def kind(self) -> str:
        """What to call the music in a report."""
        return "real" if self.real else "synthetic"


def find_sources(audio: Path | None, *, folder: Path, seed: int = 0) -> Sources:
    """Find the audio files of a folder in a shuffled, repeatable order; synthesise a few without one.

    Parameters
    ----------
    audio : Path, optional
        A folder or a file.
    folder : Path
        Existing; synthetic pieces are written there.
    seed : int
        Of order and pieces.

    Raises
    ------
    SettingsError
        `audio` holds no audio files.
    """
    if audio is None:
        pieces = [
            write_wav(
                synthesize(manner, seconds=SHORT_SECONDS, seed=seed), folder / f"synthetic-{manner}.wav"
            )
            for manner in MANNERS
        ]
        return Sources(tuple(pieces), real=False)
    paths = [found.path for found in find_audio([audio]) if found.error is None]
    if not paths:
        raise SettingsError(f"--audio {audio}: no audio files there")
    order = np.random.default_rng(seed).permutation(len(paths))
    return Sources(tuple(paths[index] for index in order), real=True)


def read_windows(
    sources: Sources,
    *,
    count: int,
    spec: FeatureSpec = GTZAN57,
    on_file: Callable[[Path], None] = lambda _path: None,
) -> NDArray[np.float32]:
    """Take windows from all over the sources, as many of each and spread over each.

    Parameters
    ----------
    sources : Sources
        Files that cannot be decoded are passed over.
    count : int
        Wanted; fewer where the sources hold fewer.
    spec : FeatureSpec
        Gives rate and length of a window.
    on_file : callable
        Hears of each file that was read.

    Returns
    -------
    numpy.ndarray, shape [n, window_samples], float32

    Raises
    ------
    SettingsError
        There is not one window.
    """
    chosen = sources.paths[:count]
    of_each = math.ceil(count / len(chosen))
    found: list[NDArray[np.float32]] = []
    for path in chosen:
        found.extend(_spread_windows(path, count=of_each, spec=spec))
        on_file(path)
    if not found:
        raise SettingsError("no file of --audio holds a window that can be decoded")
    return np.stack(found[:count])


def _spread_windows(path: Path, *, count: int, spec: FeatureSpec) -> list[NDArray[np.float32]]:
    try:
        with TrackReader(path, spec=spec) as reader:
            windows = [window for batch in reader.windows() for window in batch]
    except AudioError:
        return []
    places = np.linspace(0, len(windows) - 1, min(count, len(windows)))
    return [windows[int(place)] for place in places.round()]


def make_mp3s(sources: Sources, folder: Path, *, seconds: float, count: int) -> tuple[Path, ...]:
    """Encode MP3s of one length out of the sources, which are joined and repeated until they fill it.

    Parameters
    ----------
    sources : Sources
        What to join; each track begins with another one.
    folder : Path
        Existing; the tracks are written there.
    seconds : float
        Length of a track.
    count : int
        Number of tracks.

    Raises
    ------
    SettingsError
        No source can be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mp3 = FORMATS["mp3"]
    return tuple(
        write(
            join(sources, seconds=seconds, first=number),
            folder / f"track-{seconds:g}s-{number:03d}{mp3.suffix}",
            form=mp3,
        )
        for number in range(count)
    )


def join(sources: Sources, *, seconds: float, first: int = 0) -> Stereo:
    """Join sources from the n-th on, around and around, into samples of a length.

    Returns
    -------
    numpy.ndarray, shape [n, 2], float32, in [-1, 1]
        At 44.1 kHz.

    Raises
    ------
    SettingsError
        No source can be decoded.
    """
    wanted = round(seconds * SAMPLE_RATE)
    parts: list[Stereo] = []
    found = 0
    for clip in _clips(sources.paths, seconds=seconds, first=first):
        parts.append(clip)
        found += len(clip)
        if found >= wanted:
            return np.concatenate(parts)[:wanted]
    raise SettingsError("no file of --audio can be decoded")


def _clips(paths: Sequence[Path], *, seconds: float, first: int) -> Iterator[Stereo]:
    place, failures = first, 0
    while failures < len(paths):
        clip = _clip(paths[place % len(paths)], seconds=seconds)
        failures = 0 if len(clip) else failures + 1
        yield clip
        place += 1


def _clip(path: Path, *, seconds: float) -> Stereo:
    try:
        clip = read_stereo(path, seconds=seconds)
    except NotAudioError:
        return np.empty((0, 2), dtype=np.float32)
    if len(clip) > _SIDE_DELAY_SAMPLES and np.array_equal(clip[:, 0], clip[:, 1]):
        clip[:, 1] = np.roll(clip[:, 1], _SIDE_DELAY_SAMPLES)
    return np.clip(clip, -1.0, 1.0)


def song_batches(windows: Sequence[NDArray[np.float32]], *, size: int) -> list[NDArray[np.float32]]:
    """Cut windows into batches of one size; what is left over is dropped, unless it is all there is."""
    whole = [np.stack(windows[start : start + size]) for start in range(0, len(windows) - size + 1, size)]
    return whole or [np.stack(windows)]
