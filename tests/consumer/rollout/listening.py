"""Turns a few words into labelled tracks as the pipeline tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray

from consumer.events import TrackLabelled, TrackUploaded
from consumer.pipeline.heard import HeardTrack
from modelzoo.manifest import Manifest
from tests.consumer.engines import label_for
from tests.modelzoo.artifacts import make_manifest

WIDTH = 57


def heard(
    features: NDArray[np.float32] | None = None,
    *,
    manifest: Manifest | None = None,
    genre: str | None = "jazz",
    confidence: float = 0.8,
    role: str = "live",
) -> HeardTrack:
    """Make a track of one window of zeros, or of these features."""
    return HeardTrack(
        _label(genre, confidence),
        features=np.zeros((1, WIDTH), dtype=np.float32) if features is None else features,
        manifest=manifest or make_manifest(),
        role=role,
    )


@cache
def _label(genre: str | None, confidence: float) -> TrackLabelled:
    upload = TrackUploaded(
        event_id="event", track_id="track", audio_uri="ok:1", uploaded_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    return label_for(upload, genre=genre, confidence=confidence)
