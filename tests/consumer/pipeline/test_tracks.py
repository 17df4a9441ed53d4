"""The label of a track says what the model said, what was measured, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from consumer.events import AudioSummary, Status, TrackUploaded, result_id
from consumer.pipeline.tracks import Course, Selection, StageSeconds, label_of
from modelzoo.aggregate import LOW_CONFIDENCE
from tests.modelzoo.artifacts import make_manifest

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EVENT = TrackUploaded(
    event_id="e1", track_id="t1", audio_uri="file:///a.mp3", uploaded_at=NOON, declared_genre="Jazz"
)
COURSE = Course(
    started_at=NOON + timedelta(seconds=1),
    labelled_at=NOON + timedelta(seconds=2),
    seconds=StageSeconds(fetch=0.1, decode=0.2, featurize=0.3, score=0.15, wait=0.25),
    audio=AudioSummary(duration_seconds=9.5, codec="mp3", sample_rate=44_100, warnings=("clipped",)),
)
# Columns are blues, jazz, rock.
PROBABILITIES = np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]], dtype=np.float32)


def test_a_confident_track_is_labelled_with_its_timeline() -> None:
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=COURSE)
    assert (label.status, label.genre, label.abstain_reason) == (Status.LABELLED, "jazz", None)
    assert label.confidence == pytest.approx(0.6, abs=1e-6)
    assert [entry.genre for entry in label.genres] == ["jazz", "rock", "blues"]
    assert label.windows.count == 3
    assert label.windows.agreement == pytest.approx(2 / 3)
    assert label.windows.timeline is not None
    assert [entry.genre for entry in label.windows.timeline] == ["jazz", "jazz", "rock"]
    assert label.windows.timeline[2].probability == pytest.approx(0.6, abs=1e-6)
    assert label.declared is not None
    assert label.declared.agrees is True
    assert (label.event_id, label.track_id) == ("e1", "t1")


def test_an_unsure_track_is_an_abstention_without_a_genre() -> None:
    manifest = make_manifest(threshold=0.9)
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=manifest, course=COURSE)
    assert (label.status, label.genre, label.abstain_reason) == (Status.ABSTAINED, None, LOW_CONFIDENCE)
    assert label.genres[0].genre == "jazz"
    assert label.declared is not None
    assert label.declared.agrees is None


def test_the_timeline_can_be_left_out() -> None:
    manifest = make_manifest()
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=manifest, course=COURSE, timeline=False)
    assert label.windows.timeline is None


def test_times_and_audio_are_what_was_measured() -> None:
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=COURSE)
    assert label.audio == COURSE.audio
    timing = label.timing
    assert (timing.uploaded_at, timing.started_at, timing.labelled_at) == (
        NOON,
        COURSE.started_at,
        COURSE.labelled_at,
    )
    assert (timing.fetch_seconds, timing.decode_seconds, timing.featurize_seconds) == (0.1, 0.2, 0.3)
    assert (timing.score_seconds, timing.wait_seconds) == (0.15, 0.25)


def test_the_result_id_names_event_model_and_replay() -> None:
    manifest = make_manifest(model=b"weights")
    label = label_of(
        EVENT, probabilities=PROBABILITIES, manifest=manifest, course=COURSE, replay_id="replay-1"
    )
    assert label.result_id == result_id(event_id="e1", model_sha256=manifest.sha256, replay_id="replay-1")
    assert label.replay_id == "replay-1"


def test_a_track_without_windows_is_refused() -> None:
    nothing = np.empty((0, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="window"):
        label_of(EVENT, probabilities=nothing, manifest=make_manifest(), course=COURSE)


def test_windows_with_gaps_between_them_are_named_by_their_starts() -> None:
    selection = Selection("spread:3", (3.0, 9.0, 15.0), stopped_early=True)
    course = replace(COURSE, selection=selection)
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=course)
    assert (label.windows.policy, label.windows.stopped_early) == ("spread:3", True)
    assert label.windows.starts_seconds == (3.0, 9.0, 15.0)
    assert label.without_timeline().windows.starts_seconds is None
    bare = label_of(
        EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=course, timeline=False
    )
    assert (bare.windows.timeline, bare.windows.starts_seconds) == (None, None)


def test_windows_without_gaps_need_no_starts() -> None:
    label = label_of(EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=COURSE)
    assert (label.windows.policy, label.windows.starts_seconds) == ("all", None)
    assert not label.windows.stopped_early


def test_starts_of_other_windows_are_refused() -> None:
    course = replace(COURSE, selection=Selection("spread:3", (3.0, 9.0)))
    with pytest.raises(ValueError, match="starts=2"):
        label_of(EVENT, probabilities=PROBABILITIES, manifest=make_manifest(), course=course)
