"""Turns a track that was scored into what the feature log keeps of it."""

from __future__ import annotations

from consumer.feature_record import TrackFeatures
from consumer.pipeline.tracks import Course
from consumer.pipeline.under_way import TrackUnderWay


def kept_features(track: TrackUnderWay, course: Course) -> TrackFeatures | None:
    """Give what another model needs to label the track again; None while some of its features are missing."""
    features = track.features()
    if features is None:
        return None
    event, manifest = track.job.event, track.scorer.manifest
    return TrackFeatures(
        event_id=event.event_id,
        track_id=event.track_id,
        audio_uri=event.audio_uri,
        uploaded_at=event.uploaded_at,
        declared_genre=event.declared_genre,
        audio=course.audio,
        policy=course.selection.policy,
        starts_seconds=course.selection.starts_seconds,
        stopped_early=course.selection.stopped_early,
        feature_set=manifest.feature_set,
        spec_fingerprint=manifest.spec_fingerprint,
        features=features,
    )
