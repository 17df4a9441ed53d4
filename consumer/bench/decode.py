"""Turns tracks of every format into how fast each library decodes them, beside the product's own choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumer.bench.encoding import FORMATS, write
from consumer.bench.material import Sources, join
from consumer.bench.rounds import Side, Timings, interleave
from consumer.bench.spread import spread
from featurizer.decode import open_audio
from featurizer.decode_av import open_with_av
from featurizer.decode_soundfile import open_with_soundfile
from featurizer.endings import Length
from featurizer.pcm import Decoder
from featurizer.resample import StreamResampler
from featurizer.source import Source
from featurizer.spec import GTZAN57
from featurizer.track import TrackReader
from featurizer.window_policy import WindowPolicy

_KNOWN_LENGTH = Length(is_declared=True, hides_more=False)

Open = Callable[[Source], Decoder | None]

LIBRARIES: dict[str, Open] = {
    "soundfile": lambda source: open_with_soundfile(source, length=_KNOWN_LENGTH),
    "pyav": open_with_av,
}
"""Each by our own opener. Beside them stand `chosen`, which is `featurizer.decode.open_audio`, and a whole
`TrackReader` for each window policy: what a decoding child does."""


def make_files(sources: Sources, folder: Path, *, seconds: float, formats: Sequence[str]) -> dict[str, Path]:
    """Encode the same music in each format.

    Raises
    ------
    SettingsError
        No source can be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = join(sources, seconds=seconds)
    return {
        name: write(samples, folder / f"track-{seconds:g}s{FORMATS[name].suffix}", form=FORMATS[name])
        for name in formats
    }


def readers(path: Path, *, policies: Sequence[WindowPolicy]) -> dict[str, Callable[[Path], object]]:
    """Give what can decode a file, by name: the libraries that open it, our choice, and our windows."""
    found: dict[str, Callable[[Path], object]] = {
        name: partial(_decode_by, opener) for name, opener in LIBRARIES.items() if _opens(path, opener)
    }
    windows = {f"windows {policy}": partial(_read_windows, policy) for policy in policies}
    return {**found, "chosen": _decode, **windows}


def measure(
    path: Path,
    ways: dict[str, Callable[[Path], object]],
    *,
    rounds: int,
    seconds: float,
    on_run: Callable[[str], None] = lambda _name: None,
) -> dict[str, Any]:
    """Decode one file by every reader in turns, to 22,050 Hz mono.

    Parameters
    ----------
    path : Path
        The file, in the page cache after a first round, which is not counted.
    ways : dict
        As `readers` gives them.
    rounds : int
        At least 1.
    seconds : float
        Length of the track.
    on_run : callable
        Hears a reader's name when it has decoded the file.

    Returns
    -------
    dict
        JSON-ready, for each reader. Milliseconds are CPU time; `mb_per_second` counts encoded bytes.
    """
    for read in ways.values():
        read(path)
    timings = interleave([Side(name, read) for name, read in ways.items()], [path] * rounds, on_run=on_run)
    size_bytes = path.stat().st_size
    return {name: _speed(one, size_bytes=size_bytes, seconds=seconds) for name, one in timings.items()}


def _speed(timings: Timings, *, size_bytes: int, seconds: float) -> dict[str, Any]:
    milliseconds = spread([1_000 * one for one in timings.cpu])
    median_seconds = milliseconds["median"] / 1_000
    return {
        "cpu_ms_per_song": milliseconds,
        "ms_per_song": spread([1_000 * one for one in timings.wall]),
        "mb_per_second": size_bytes / 1e6 / median_seconds,
        "times_real_time": seconds / median_seconds,
    }


def _opens(path: Path, opener: Open) -> bool:
    source = Source(path)
    try:
        decoder = opener(source)
        if decoder is None:
            return False
        decoder.close()
        return True
    finally:
        source.close()


def _decode_by(opener: Open, path: Path) -> int:
    source = Source(path)
    try:
        decoder = opener(source)
        if decoder is None:
            return 0
        resampler = StreamResampler(GTZAN57.sample_rate)
        samples = 0
        for pcm in decoder.blocks():
            samples += len(resampler.push(_average(pcm.samples), sample_rate=pcm.sample_rate))
        decoder.close()
        return samples + len(resampler.flush())
    finally:
        source.close()


def _average(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average channels [n, channels] as a program without kernels of its own does it fastest."""
    mono = samples[:, 0].copy()
    for channel in range(1, samples.shape[1]):
        mono += samples[:, channel]
    mono /= np.float32(samples.shape[1])
    return mono


def _decode(path: Path) -> int:
    with open_audio(path) as stream:
        return sum(len(block) for block in stream.blocks())


def _read_windows(policy: WindowPolicy, path: Path) -> int:
    with TrackReader(path, policy=policy) as reader:
        return sum(len(windows) for windows in reader.windows())
