"""Turns audio of test tracks into a feature table, by the service's own decoder and featurizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from featurizer import Featurizer
from featurizer.errors import AudioError
from training.errors import DataError
from training.featurizing.track import featurize_track
from training.featurizing.walk import SUFFIXES
from training.windows import LabelledWindows


def audio_of_tracks(folder: Path, tracks: frozenset[str]) -> list[Path]:
    """List the audio files below a folder whose name without its suffix is one of `tracks`, sorted."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in files if path.stem in tracks)


def featurize_audio(
    paths: Sequence[Path], *, featurizer: Featurizer, on_track: Callable[[], None] = lambda: None
) -> LabelledWindows:
    """Decode and featurize tracks as the service does.

    Parameters
    ----------
    paths : sequence of Path
        Files named `genre.number.suffix`, at least one.
    featurizer : Featurizer
        Computes the features.
    on_track : callable, optional
        Called after each track.

    Raises
    ------
    DataError
        A file cannot be decoded.
    """
    features: list[np.ndarray] = []
    names: list[str] = []
    for path in paths:
        try:
            track = featurize_track(path, featurizer=featurizer).features
        except (AudioError, OSError) as exc:
            raise DataError(f"a test track cannot be decoded, path={path}: {exc}") from exc
        features.append(track)
        names.extend([path.stem] * len(track))
        on_track()
    return LabelledWindows(
        inputs=np.concatenate(features),
        genres=np.array([name.partition(".")[0] for name in names]),
        tracks=np.array(names),
        weights=np.ones(len(names), dtype=np.float32),
    )
