"""Each record of the feature log becomes a label, a dead letter, or a count; one bad one spoils no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.clock import SYSTEM_CLOCK
from consumer.config import Settings
from consumer.events import TrackLabelled
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord, TopicPartition
from consumer.loop.outcomes import Ending
from consumer.replay.feature_labels import FeatureLabeller, score_tracks
from featurizer.spec import GTZAN57
from modelzoo.manifest import Manifest
from tests.consumer.feature_records import features_of
from tests.consumer.records import settings_with
from tests.modelzoo.artifacts import make_manifest

LOG = TopicPartition("track-features", 0)
TRACE = (("traceparent", b"00-abc-def-01"),)


class SoftmaxOfThree:
    """A model of three genres: the softmax of the first three features."""

    def __init__(self, *, threshold: float = 0.0) -> None:
        self.manifest: Manifest = make_manifest(threshold=threshold)
        self.batches: list[int] = []

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(features))
        with np.errstate(over="ignore", invalid="ignore"):
            weights = np.exp(features[:, :3])
            return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _labeller(model: SoftmaxOfThree, settings: Settings | None = None) -> FeatureLabeller:
    return FeatureLabeller(
        model, settings=settings or settings_with(), spec=GTZAN57, replay_id="r1", clock=SYSTEM_CLOCK
    )


def _record(offset: int, track: TrackFeatures) -> InputRecord:
    return InputRecord(LOG, offset, track.track_id.encode(), encode_features(track), TRACE, timestamp_ms=7)


def _labels(labeller: FeatureLabeller, records: list[InputRecord]) -> list[TrackLabelled]:
    found = [outcome.output for outcome in labeller.label(records).outcomes]
    return [TrackLabelled.model_validate_json(output.value or b"") for output in found if output]


def test_tracks_of_any_length_are_scored_in_one_call_and_labelled_each_for_itself() -> None:
    model = SoftmaxOfThree()
    tracks = [features_of(f"track-{number}", n_windows=number + 1, seed=number) for number in range(20)]
    batch = _labeller(model).label([_record(number, track) for number, track in enumerate(tracks)])
    assert model.batches == [sum(range(1, 21))]
    assert batch.counts == {"labelled": 20}
    for number, outcome in enumerate(batch.outcomes):
        output = outcome.output
        assert output is not None
        assert (output.topic, output.key, output.headers) == (
            "track-labels",
            f"track-{number}".encode(),
            TRACE,
        )
        label = TrackLabelled.model_validate_json(output.value or b"")
        (alone,) = _labels(_labeller(SoftmaxOfThree()), [_record(0, tracks[number])])
        assert (label.genres, label.windows) == (alone.genres, alone.windows)
        assert (label.windows.count, label.replay_id) == (number + 1, "r1")


def test_more_windows_than_one_call_takes_are_scored_in_several() -> None:
    model = SoftmaxOfThree()
    probabilities, verdicts = score_tracks([features_of("long", n_windows=1_200)], model)
    assert model.batches == [512, 512, 176]
    assert len(probabilities) == len(verdicts.window_tops) == 1_200


def test_an_unsure_track_abstains() -> None:
    batch = _labeller(SoftmaxOfThree(threshold=1.0)).label([_record(0, features_of("a"))])
    assert [outcome.ending for outcome in batch.outcomes] == [Ending.ABSTAINED]
    assert batch.counts == {"abstained": 1}


def test_what_cannot_be_labelled_is_told_apart_and_spoils_no_other() -> None:
    other = replace(features_of("other"), spec_fingerprint=replace(GTZAN57, revision=99).fingerprint)
    absurd = features_of("absurd")
    absurd = replace(absurd, features=np.full_like(absurd.features, 3e38))  # a number, but not for a softmax
    records = [
        _record(0, features_of("a")),
        InputRecord(LOG, 1, b"gone", None),
        _record(2, other),
        InputRecord(LOG, 3, b"damaged", b"GSFL and no more", TRACE),
        _record(4, absurd),
        _record(5, features_of("b")),
    ]
    batch = _labeller(SoftmaxOfThree()).label(records)
    assert batch.counts == {"labelled": 2, "tombstone": 1, "other_features": 1, "dead_lettered": 2}
    dead = {outcome.reason: outcome for outcome in batch.outcomes if outcome.ending is Ending.DEAD_LETTERED}
    assert set(dead) == {"invalid_feature_record", "unexpected"}
    output = dead["invalid_feature_record"].output
    assert output is not None
    headers = dict(output.headers)
    assert (output.key, output.value) == (b"damaged", b"GSFL and no more")
    assert (headers["topic"], headers["offset"], headers["replay-id"]) == (b"track-features", b"3", b"r1")
    assert output.headers[:1] == TRACE


def test_features_that_are_no_numbers_are_dead_letters_and_their_neighbours_are_labelled() -> None:
    broken = features_of("broken", n_windows=2)
    broken.features[1, 3] = np.nan
    tracks = [features_of("a", n_windows=3), broken, features_of("b", n_windows=4, seed=1)]
    model = SoftmaxOfThree()
    batch = _labeller(model).label([_record(number, track) for number, track in enumerate(tracks)])
    assert model.batches == [7]
    assert batch.counts == {"labelled": 2, "dead_lettered": 1}
    dead, *labelled = batch.outcomes
    assert (dead.case.record.offset, dead.reason) == (1, "invalid_feature_record")
    for outcome, number in zip(labelled, (0, 2), strict=True):
        assert outcome.output is not None
        label = TrackLabelled.model_validate_json(outcome.output.value or b"")
        (alone,) = _labels(_labeller(SoftmaxOfThree()), [_record(0, tracks[number])])
        assert (label.track_id, label.genres) == (alone.track_id, alone.genres)


def test_no_records_are_no_labels() -> None:
    model = SoftmaxOfThree()
    assert _labeller(model).label([]) == ([], {})
    assert model.batches == []


def test_a_label_too_large_for_its_topic_loses_its_timeline_first() -> None:
    settings = settings_with(topics={"max_message_bytes": 3_000})
    (label,) = _labels(_labeller(SoftmaxOfThree(), settings), [_record(0, features_of("a", n_windows=100))])
    assert label.windows.timeline is None
    tiny = settings_with(topics={"max_message_bytes": 500})
    (outcome,) = _labeller(SoftmaxOfThree(), tiny).label([_record(0, features_of("a"))]).outcomes
    assert (outcome.ending, outcome.reason) == (Ending.DEAD_LETTERED, "result_too_large")


def test_a_label_that_the_broker_refuses_shrinks_and_then_is_a_dead_letter_of_the_replay() -> None:
    labeller = _labeller(SoftmaxOfThree())
    record = _record(9, features_of("a"))
    (outcome,) = labeller.label([record]).outcomes
    bare = labeller.shrink(outcome)
    assert bare.output is not None
    assert TrackLabelled.model_validate_json(bare.output.value or b"").windows.timeline is None
    assert bare.output.headers == TRACE
    dead = labeller.shrink(bare)
    assert (dead.ending, dead.reason) == (Ending.DEAD_LETTERED, "result_too_large")
    assert dead.output is not None
    assert dead.output.value == record.value
    assert dict(dead.output.headers)["replay-id"] == b"r1"


@pytest.mark.parametrize("timeline", [True, False])
def test_labels_carry_a_timeline_where_the_settings_say_so(timeline: bool) -> None:
    settings = settings_with(model={"timeline": timeline})
    (label,) = _labels(_labeller(SoftmaxOfThree(), settings), [_record(0, features_of("a"))])
    assert (label.windows.timeline is not None) is timeline
