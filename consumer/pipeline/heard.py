"""Names what those who look on are told of a labelled track: its label and the features that it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.events import TrackLabelled
from modelzoo.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class HeardTrack:
    """One track that got its label.

    Attributes
    ----------
    label : TrackLabelled
        Labelled or abstained.
    features : ndarray, shape (n, width), float32
        One row a window, in order of time; n at least 1.
    manifest : Manifest
        Describes the model that spoke.
    role : str
        In which role it spoke: live or canary.
    """

    label: TrackLabelled
    features: NDArray[np.float32]
    manifest: Manifest
    role: str


Onlooker = Callable[[HeardTrack], None]
