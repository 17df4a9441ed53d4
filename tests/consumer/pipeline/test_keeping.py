"""Where the feature log is kept, a labelled track's completion carries what another model needs of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consumer.events import TrackLabelled
from consumer.metrics import Metrics
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.stages import Parts
from tests.consumer.decoding.faults import Faulty
from tests.consumer.pipelines import await_ready, job, label_all, linear_artifact, settings_for

pytestmark = pytest.mark.slow  # real child processes


@pytest.mark.parametrize("kept", [True, False])
def test_a_completion_carries_the_features_where_they_are_kept(tmp_path: Path, kept: bool) -> None:
    artifact = linear_artifact(tmp_path)
    settings = settings_for(worker={"device": "cpu", "feature_log": kept})
    with Pipeline(settings, artifact=artifact, metrics=Metrics(), parts=Parts(work=Faulty())) as pipeline:
        await_ready(pipeline)
        ends = label_all(
            pipeline, [job("ok:3", declared_genre="Hip-Hop"), job("not-audio:", 1), job("warn:", 2)]
        )
    assert ends[1].features is None
    track, label = ends[0].features, ends[0].result
    assert (track is not None) is kept
    if track is None:
        return
    assert isinstance(label, TrackLabelled)
    assert (track.track_id, track.event_id, track.audio) == (label.track_id, label.event_id, label.audio)
    assert (track.uploaded_at, track.declared_genre) == (label.timing.uploaded_at, "Hip-Hop")
    assert (track.policy, track.starts_seconds, track.stopped_early) == ("all", None, False)
    assert track.spec_fingerprint == artifact.manifest.spec_fingerprint
    # Each fake window's features are its number.
    assert (
        track.features.tolist() == np.repeat([[0.0], [1.0], [2.0]], track.features.shape[1], axis=1).tolist()
    )
    warned = ends[2].features
    assert warned is not None
    assert warned.audio.warnings == ("short",)
