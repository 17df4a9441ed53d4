"""Turns a folder of music, laid out by genre, into labelled pictures or cepstral series of its windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from featurizer.track import TrackReader
from training.errors import DataError
from training.featurizing.child import Refused
from training.featurizing.crew import Crew
from training.featurizing.run import available_cores
from training.featurizing.track import TrackFeatures, Work
from training.featurizing.walk import BadFile, walk
from training.inputs.spectra import Spectra
from training.models.kind import InputKind
from training.windows import LabelledWindows

_FILE_SECONDS: Final = 120.0
"""Decoding an hour of music takes about six seconds: what takes so long hangs."""

_MOST_WINDOWS: Final = 16
"""Windows transformed at a time: their frames take 35 MB."""

Convert = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def read_spectrograms(
    folder: Path,
    *,
    input: InputKind,  # noqa: A002 - what `ModelKind` calls it
    genres: Sequence[str] = (),
    on_begin: Callable[[int], None] = lambda _n_files: None,
    on_file: Callable[[], None] = lambda: None,
    n_processes: int | None = None,
) -> tuple[LabelledWindows, list[BadFile]]:
    """Decode all tracks by the service's own decoder and compute each 3-second window's picture or series.

    Parameters
    ----------
    folder : Path
        Holds a folder of audio a genre, as `training.featurizing.walk.walk` says.
    input : InputKind
        IMAGE: log-mel pictures, shape (n, 128, 130), in [0, 1]. SERIES: MFCC, shape (n, 130, 20).
    genres : sequence of str, optional
        Only these; none means all.
    on_begin : callable, optional
        Told how many files there are, once.
    on_file : callable, optional
        Called after each file.
    n_processes : int, optional
        Children that decode; a core each where it is None.

    Returns
    -------
    LabelledWindows
        In order of track and of time.
    list of BadFile
        Files that gave nothing, in order of their places.

    Raises
    ------
    DataError
        The folder is not there, holds no audio or lacks a genre that is wanted; no file of it can be read, or
        only one genre's can.
    CrewError
        No child can be started.
    ValueError
        `input` is neither IMAGE nor SERIES.
    """
    if input not in (InputKind.IMAGE, InputKind.SERIES):
        raise ValueError(f"audio is turned into images or series: input={input}")
    found = walk(folder, genres=frozenset(genres) or None)
    on_begin(len(found.tracks))
    bad = list(found.bad)
    inputs: dict[str, NDArray[np.float32]] = {}
    prepare = prepare_pictures if input is InputKind.IMAGE else prepare_series
    n_children = n_processes or available_cores()
    with Crew(n_children, prepare=prepare, file_seconds=_FILE_SECONDS) as crew:
        for track, outcome in crew.outcomes(found.tracks):
            if isinstance(outcome, Refused):
                bad.append(BadFile(track.place, outcome.reason, outcome.message))
            else:
                inputs[track.name] = outcome.features
            on_file()
    bad.sort(key=lambda file: file.place)
    labels = {track.name: track.genre for track in found.tracks if track.name in inputs}
    _refuse_too_few(labels, folder=folder, bad=bad)
    names = sorted(labels)
    counts = [len(inputs[name]) for name in names]
    table = LabelledWindows(
        inputs=np.concatenate([inputs[name] for name in names]),
        genres=np.repeat(np.array([labels[name] for name in names]), counts),
        tracks=np.repeat(np.array(names), counts),
        weights=np.ones(sum(counts), dtype=np.float32),
    )
    return table, bad


def prepare_pictures() -> Work:
    """Make the tables of log-mel pictures; a child calls it once."""
    return partial(_convert_track, convert=Spectra.of(GTZAN57).pictures)


def prepare_series() -> Work:
    """Make the tables of cepstral series; a child calls it once."""
    return partial(_convert_track, convert=Spectra.of(GTZAN57).series)


def _convert_track(path: Path, *, convert: Convert) -> TrackFeatures:
    with TrackReader(path, spec=GTZAN57) as reader:
        parts = [convert(windows) for windows in reader.windows(batch=_MOST_WINDOWS)]
        return TrackFeatures(np.concatenate(parts), reader.report.warnings)


def _refuse_too_few(labels: dict[str, str], *, folder: Path, bad: Sequence[BadFile]) -> None:
    if not labels:
        raise DataError(
            f"no file of the folder can be read, path={folder} bad_files={len(bad)} "
            f"first: {bad[0].place}: {bad[0].message}"
        )
    if len(set(labels.values())) < 2:
        raise DataError(
            f"the folder holds one genre only, path={folder} genre={next(iter(labels.values()))}: "
            "a model tells at least two apart"
        )
