"""Turns one file of audio into its windows' features, by the service's own decoder and featurizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from featurizer import Featurizer


@dataclass(frozen=True, slots=True)
class TrackFeatures:
    """What one track gave.

    Attributes
    ----------
    features : ndarray, shape (n, width), float32
        Raw features of each window in order of time, each in its own unit, finite; n at least 1.
    warnings : tuple of str
        As `featurizer.track.AudioReport` has them: `silent`, `short`, `truncated` and others.
    """

    features: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


Work = Callable[[Path], TrackFeatures]
Prepare = Callable[[], Work]
"""Loads what is heavy and gives what is done with each file; importable by name, as a child calls it."""


def featurize_track(path: Path, *, featurizer: Featurizer) -> TrackFeatures:
    """Decode and featurize a track as the service does.

    Parameters
    ----------
    path : Path
        A file of audio of any format that the service takes.
    featurizer : Featurizer
        Computes the features; its spec cuts the windows.

    Raises
    ------
    AudioError
        It is no audio, damaged, or too short or long, as `featurizer.track.TrackReader` says.
    OSError
        The file cannot be read.
    """
    import numpy as np  # noqa: PLC0415 - a parent of featurizing children needs none of these

    from featurizer.track import TrackReader  # noqa: PLC0415

    with TrackReader(path, spec=featurizer.spec) as reader:
        features = np.concatenate([featurizer(windows) for windows in reader.windows()])
        return TrackFeatures(features, reader.report.warnings)


def prepare_gtzan57() -> Work:
    """Load the 57 features' featurizer for one core, its kernels compiled.

    Raises
    ------
    FeaturizerError
        What it needs is not installed, or a setting of its kernels is wrong.
    """
    from featurizer import GTZAN57, Featurizer  # noqa: PLC0415 - numba takes a second

    featurizer = Featurizer("cpu", GTZAN57)
    featurizer.warm_up()
    return partial(featurize_track, featurizer=featurizer)
