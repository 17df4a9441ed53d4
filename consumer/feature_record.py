"""Names what the feature log keeps of a track: who it is, what was heard of it, and its windows' features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from consumer.events import AudioSummary


@dataclass(frozen=True, slots=True, eq=False)
class TrackFeatures:
    """What another model needs to label a track again without its audio.

    Attributes
    ----------
    event_id, track_id, audio_uri : str
        Of the upload.
    uploaded_at : datetime
        Of the upload, in UTC.
    declared_genre : str or None
        Of the upload.
    audio : AudioSummary
        What was decoded.
    policy : str
        Which windows were wanted: `all`, `first:N`, `spread:N`.
    starts_seconds : tuple of float or None
        Where each window begins; None where they follow one another from the track's start.
    stopped_early : bool
        The label had settled, and the rest of the windows that were wanted was left out.
    feature_set : str
        Name of the spec.
    spec_fingerprint : str
        SHA-256 (hex) of the spec: features of another are worth nothing to this model.
    features : ndarray, shape (n, width), float32
        One row a window in order of time, as computed, bit for bit; n at least 1.
    """

    event_id: str
    track_id: str
    audio_uri: str
    uploaded_at: datetime
    declared_genre: str | None
    audio: AudioSummary
    policy: str
    starts_seconds: tuple[float, ...] | None
    stopped_early: bool
    feature_set: str
    spec_fingerprint: str
    features: NDArray[np.float32]
