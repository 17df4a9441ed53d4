"""Makes tracks of the feature log for tests, each from the little that matters."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from consumer.events import AudioSummary
from consumer.feature_record import TrackFeatures
from featurizer.spec import GTZAN57
from tests.consumer.engines import MOMENT


def features_of(
    track_id: str,
    *,
    n_windows: int = 10,
    uploaded_at: datetime = MOMENT,
    seed: int = 0,
    declared_genre: str | None = "Jazz",
) -> TrackFeatures:
    """Give a track whose features are noise around nothing, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return TrackFeatures(
        event_id=f"event-{track_id}",
        track_id=track_id,
        audio_uri=f"file:///music/{track_id}.mp3",
        uploaded_at=uploaded_at,
        declared_genre=declared_genre,
        audio=AudioSummary(duration_seconds=30.0, codec="mp3", sample_rate=44_100, warnings=("clipped",)),
        policy="all",
        starts_seconds=None,
        stopped_early=False,
        feature_set=GTZAN57.name,
        spec_fingerprint=GTZAN57.fingerprint,
        features=rng.normal(size=(n_windows, GTZAN57.width)).astype(np.float32),
    )
