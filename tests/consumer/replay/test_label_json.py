"""A label written for a track of the feature log is the one that the pipeline's own code would write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.events import AudioSummary, TrackLabelled, TrackUploaded
from consumer.feature_codec import encode_features
from consumer.feature_reading import FeatureReader, LoggedTrack
from consumer.feature_record import TrackFeatures
from consumer.pipeline.tracks import Course, Selection, StageSeconds, label_of
from consumer.replay.label_json import LabelWriter, Said, Spell, spell_moments, spell_numbers
from featurizer.spec import GTZAN57
from modelzoo.manifest import Manifest
from modelzoo.verdicts import decide_many
from tests.consumer.feature_records import features_of
from tests.modelzoo.artifacts import make_manifest

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SPELL = Spell(NOON, NOON + timedelta(seconds=2), score_seconds=0.5)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
SECONDS = st.floats(0, 1e17)


def _said(
    track: TrackFeatures, probabilities: np.ndarray[tuple[int, int], np.dtype[np.float32]], manifest: Manifest
) -> Said:
    verdicts = decide_many(probabilities, [len(probabilities)], manifest)
    return Said(
        spell_moments([_logged(track).uploaded_at])[0],
        verdicts.order[0].tolist(),
        spell_numbers(verdicts.calibrated[0][verdicts.order[0]]),
        bool(verdicts.abstains[0]),
        spell_numbers(verdicts.agreement)[0],
        verdicts.window_tops.tolist(),
        spell_numbers(probabilities.max(axis=1)),
    )


def _logged(track: TrackFeatures) -> LoggedTrack:
    return FeatureReader(GTZAN57).read(encode_features(track))


def _by_the_pipeline(
    track: TrackFeatures,
    probabilities: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    manifest: Manifest,
    *,
    timeline: bool = True,
) -> TrackLabelled:
    seconds = StageSeconds(fetch=0.0, decode=0.0, featurize=0.0, score=0.5, wait=1.5)
    return label_of(
        TrackUploaded(
            event_id=track.event_id,
            track_id=track.track_id,
            audio_uri=track.audio_uri,
            uploaded_at=track.uploaded_at,
            declared_genre=track.declared_genre,
        ),
        probabilities=probabilities,
        manifest=manifest,
        course=Course(
            SPELL.started_at,
            SPELL.labelled_at,
            seconds,
            track.audio,
            Selection(track.policy, track.starts_seconds, stopped_early=track.stopped_early),
        ),
        timeline=timeline,
        replay_id="replay-1",
    )


def _probabilities(
    n_windows: int, *, seed: int, sharpness: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    logits = np.random.default_rng(seed).normal(size=(n_windows, 3)) * sharpness
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_label_is_byte_for_byte_the_pipelines(data: st.DataObject) -> None:
    n_windows = data.draw(st.integers(1, 4))
    starts = st.lists(SECONDS, min_size=n_windows, max_size=n_windows, unique=True).map(sorted)
    track = replace(
        features_of("a", n_windows=n_windows),
        event_id=data.draw(IDS),
        track_id=data.draw(IDS),
        uploaded_at=data.draw(st.datetimes(timezones=st.just(UTC))),
        declared_genre=data.draw(st.none() | st.sampled_from(["Jazz", "rock / pop", " ", "é\n"])),
        audio=AudioSummary(
            duration_seconds=data.draw(SECONDS),
            codec=data.draw(TEXTS),
            sample_rate=data.draw(st.integers(1, 2**32 - 1)),
            warnings=tuple(data.draw(st.lists(TEXTS, max_size=2))),
        ),
        policy=data.draw(TEXTS),
        starts_seconds=tuple(data.draw(starts)) if data.draw(st.booleans()) else None,
        stopped_early=data.draw(st.booleans()),
    )
    manifest = make_manifest(threshold=data.draw(st.sampled_from([0.0, 0.5, 1.0])))
    sharpness = data.draw(st.sampled_from([0.5, 3.0, 12.0, 40.0]))  # down to 1e-40: exponents of all sorts
    windows = _probabilities(n_windows, seed=data.draw(st.integers(0, 99)), sharpness=sharpness)
    timeline = data.draw(st.booleans())
    found = LabelWriter(manifest, replay_id="replay-1").write(
        _logged(track), _said(track, windows, manifest), spell=SPELL, timeline=timeline
    )
    assert found == _by_the_pipeline(track, windows, manifest, timeline=timeline).encode()


@pytest.mark.parametrize("probability", [1e-4, 9.9e-5, 1.5e-5, 1e-5, 9e-6, 1.23e-7, 5e-324, 0.0, 1.0])
def test_small_numbers_are_spelt_alike(probability: float) -> None:
    manifest = make_manifest()
    small = spell_numbers(np.array([probability]))[0]
    said = Said("2026-05-01T12:00:00Z", [1, 0, 2], ["0.75", small, small], False, "1.0", [1], [small])
    track = features_of("a", n_windows=1)
    found = LabelWriter(manifest, replay_id=None).write(_logged(track), said, spell=SPELL)
    assert TrackLabelled.model_validate_json(found).encode() == found


def test_a_label_outside_a_replay_names_none() -> None:
    manifest = make_manifest()
    track, windows = features_of("a", n_windows=2), _probabilities(2, seed=0, sharpness=1.0)
    found = LabelWriter(manifest, replay_id=None).write(
        _logged(track), _said(track, windows, manifest), spell=SPELL
    )
    label = TrackLabelled.model_validate_json(found)
    assert label.replay_id is None
    assert label.result_id != _by_the_pipeline(track, windows, manifest).result_id
