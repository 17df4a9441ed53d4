"""Each delivery ends in one record of known size: a label, a retry, a dead letter, or a counted skip."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumer.config import Settings
from consumer.errors import (
    AudioNotFoundError,
    DecoderCrashedError,
    FetchTimeoutError,
    InvalidEventError,
    ResultTooLargeError,
    SettingsError,
)
from consumer.events import GenreProbability, TrackLabelled
from consumer.feature_codec import FeatureDecoder
from consumer.feature_record import TrackFeatures
from consumer.jobs import OutputRecord
from consumer.loop.outcomes import Case, Ending, Outcome, Settler
from consumer.loop.provenance import provenance_of_retry
from featurizer.spec import GTZAN57
from tests.consumer.engines import label_for
from tests.consumer.feature_records import features_of
from tests.consumer.records import (
    NOW,
    RETRIES,
    UPLOADS,
    as_consumed,
    case_of,
    settings_with,
    upload_event,
    upload_record,
)

TRACE = (("traceparent", b"00-abc-def-01"), ("reason", b"the upload's own"))


def _settler(settings: Settings | None = None) -> Settler:
    return Settler(settings or settings_with(), clock=lambda: 5.0, wall_clock=lambda: NOW)


def _output(outcome: Outcome) -> OutputRecord:
    assert outcome.output is not None
    return outcome.output


def _headers(outcome: Outcome) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in _output(outcome).headers}


def _with_timeline(n_windows: int) -> TrackLabelled:
    label = label_for(upload_event())
    timeline = tuple(GenreProbability(genre="jazz", probability=0.5) for _ in range(n_windows))
    return label.model_copy(update={"windows": label.windows.model_copy(update={"timeline": timeline})})


def test_a_label_is_keyed_by_track_and_carries_the_uploads_headers() -> None:
    outcome = _settler().settle(case_of(upload_record(headers=TRACE)), label_for(upload_event()))
    assert outcome.ending is Ending.LABELLED
    output = _output(outcome)
    assert (output.topic, output.key, output.headers) == ("track-labels", b"track-1", TRACE)
    assert TrackLabelled.model_validate_json(output.value or b"") == label_for(upload_event())


def test_an_abstention_is_told_from_a_label() -> None:
    outcome = _settler().settle(case_of(upload_record()), label_for(upload_event(), genre=None))
    assert (outcome.ending, outcome.reason) == (Ending.ABSTAINED, "low_confidence")


def test_a_permanent_error_becomes_a_dead_letter_with_the_original_bytes() -> None:
    record = upload_record(41, headers=TRACE)
    outcome = _settler().settle(case_of(record), AudioNotFoundError("nothing under file:///music/a.mp3"))
    output = _output(outcome)
    assert (outcome.ending, outcome.reason) == (Ending.DEAD_LETTERED, "not_found")
    assert (output.topic, output.key, output.value) == ("track-uploads.dlq", b"key-1", record.value)
    assert output.headers[:2] == TRACE
    headers = _headers(outcome)  # the last of a name wins, and it is ours
    assert headers["reason"] == "not_found"
    assert headers["error-class"] == "AudioNotFoundError"
    assert (headers["topic"], headers["partition"], headers["offset"]) == ("track-uploads", "0", "41")
    assert headers["attempts"] == "1"
    assert "truncated" not in headers


def test_a_passing_error_waits_in_the_retry_topic_of_its_attempt() -> None:
    outcome = _settler().settle(case_of(upload_record(headers=TRACE)), FetchTimeoutError("slow"))
    assert outcome.ending is Ending.RETRIED
    assert (_output(outcome).topic, _output(outcome).key) == ("track-uploads.retry.30s", b"track-1")
    retry = provenance_of_retry(as_consumed(_output(outcome)))
    assert (retry.attempt, retry.not_before, retry.carried) == (2, NOW + 30.0, TRACE)
    assert (retry.origin.topic_partition, retry.origin.offset, retry.origin.key) == (UPLOADS, 0, b"key-1")


def test_retries_visit_the_topics_in_order_and_then_the_dead_letters_name_the_origin() -> None:
    settler, record = _settler(), upload_record(41, headers=TRACE)
    topics: list[str] = []
    while True:
        provenance = provenance_of_retry(record) if topics else case_of(record).provenance
        outcome = settler.settle(
            Case(record, provenance, case_of(record).upload), DecoderCrashedError("signal 11")
        )
        topics.append(_output(outcome).topic)
        if outcome.ending is Ending.DEAD_LETTERED:
            break
        record = as_consumed(_output(outcome))
    assert topics == [
        "track-uploads.retry.30s",
        "track-uploads.retry.5m",
        "track-uploads.retry.1h",
        "track-uploads.dlq",
    ]
    headers = _headers(outcome)
    assert (headers["topic"], headers["offset"], headers["attempts"]) == ("track-uploads", "41", "4")
    assert headers["first-failed-at"] == "2030-01-01T12:00:00.000Z"
    assert _output(outcome).key == b"key-1"
    assert _output(outcome).headers[:2] == TRACE


def test_without_retry_topics_a_passing_error_is_dead_lettered() -> None:
    settler = _settler(settings_with(topics={"retries": []}))
    assert settler.settle(case_of(upload_record()), FetchTimeoutError("x")).ending is Ending.DEAD_LETTERED


def test_more_attempts_than_topics_stay_in_the_last_one() -> None:
    settings = settings_with(
        topics={"retries": [{"topic": RETRIES.topic, "delay_seconds": 30.0}]}, worker={"max_attempts": 3}
    )
    first = _settler(settings).settle(case_of(upload_record()), FetchTimeoutError("x"))
    second = _settler(settings).settle(case_of(as_consumed(_output(first))), FetchTimeoutError("x"))
    third = _settler(settings).settle(case_of(as_consumed(_output(second))), FetchTimeoutError("x"))
    endings = [first.ending, second.ending, third.ending]
    assert endings == [Ending.RETRIED, Ending.RETRIED, Ending.DEAD_LETTERED]


def test_a_long_error_message_is_cut_in_the_header() -> None:
    outcome = _settler().settle(case_of(upload_record()), AudioNotFoundError("ü" * 5_000))
    assert len(_headers(outcome)["error-message"]) == 1_024


def test_an_upload_of_the_largest_size_is_dead_lettered_whole() -> None:
    record = upload_record(value=b"x" * (1_048_588 - 5))
    outcome = _settler().settle(Case(record, case_of(record).provenance, None), InvalidEventError("no JSON"))
    assert _output(outcome).value == record.value
    assert "truncated" not in _headers(outcome)


def test_a_dead_letter_that_does_not_fit_is_cut_and_says_so() -> None:
    settings = settings_with(topics={"max_message_bytes": 1_000})
    record = upload_record(value=b"x" * 100_000)
    outcome = _settler(settings).settle(case_of(record), AudioNotFoundError("x"))
    output = _output(outcome)
    assert output.size_bytes <= settings.topics.max_dead_letter_bytes
    assert len(output.value or b"") > 60_000
    assert _headers(outcome)["truncated"] == "100000"


def test_a_dead_letter_gives_up_giant_headers_and_keys_rather_than_being_refused() -> None:
    settings = settings_with(topics={"max_message_bytes": 1_000})
    record = upload_record(headers=(("giant", b"h" * 100_000),))
    outcome = _settler(settings).settle(case_of(record), AudioNotFoundError("x"))
    assert _output(outcome).size_bytes <= settings.topics.max_dead_letter_bytes
    assert "giant" not in _headers(outcome)
    assert _output(outcome).value == record.value


def test_a_label_too_large_for_its_topic_loses_its_timeline_first() -> None:
    settings = settings_with(topics={"max_message_bytes": 2_000})
    outcome = _settler(settings).settle(case_of(upload_record()), _with_timeline(200))
    assert outcome.ending is Ending.LABELLED
    assert outcome.label is not None
    assert outcome.label.windows.timeline is None


def test_a_label_too_large_without_its_timeline_is_dead_lettered() -> None:
    settings = settings_with(topics={"max_message_bytes": 500})
    outcome = _settler(settings).settle(case_of(upload_record()), _with_timeline(200))
    assert (outcome.ending, outcome.reason) == (Ending.DEAD_LETTERED, "result_too_large")


def test_a_refused_label_shrinks_to_ever_smaller_outcomes_and_at_last_gives_up() -> None:
    settler = _settler()
    outcomes = [settler.settle(case_of(upload_record(value=b"x" * 700_000)), _with_timeline(200))]
    for _ in range(4):
        outcomes.append(settler.shrink(outcomes[-1]))
    sizes = [len(_output(outcome).value or b"") for outcome in outcomes[2:]]
    assert outcomes[0].label is not None
    assert outcomes[0].label.windows.timeline
    assert outcomes[1].label is not None
    assert outcomes[1].label.windows.timeline is None
    assert [outcome.ending for outcome in outcomes[2:]] == [Ending.DEAD_LETTERED] * 3
    assert isinstance(outcomes[2].error, ResultTooLargeError)
    assert sizes[0] == 700_000
    assert 500_000 < sizes[1] < 700_000
    assert sizes[2] < 8_192
    assert "truncated" in _headers(outcomes[3])
    with pytest.raises(SettingsError, match=r"refuses even a dead letter.*track-uploads\.dlq"):
        settler.shrink(outcomes[-1])


def test_a_refused_retry_becomes_a_dead_letter_of_the_same_error() -> None:
    settler = _settler()
    retry = settler.settle(case_of(upload_record()), FetchTimeoutError("slow"))
    smaller = settler.shrink(retry)
    assert (smaller.ending, smaller.reason) == (Ending.DEAD_LETTERED, "fetch_timeout")


def test_a_skip_is_counted_and_produces_nothing() -> None:
    outcome = _settler().skip(Case(upload_record(), case_of(upload_record()).provenance, None), "test_event")
    assert (outcome.ending, outcome.reason, outcome.output) == (Ending.SKIPPED, "test_event", None)


def test_a_labelled_tracks_features_are_produced_beside_its_label() -> None:
    features = features_of("track-1")
    outcome = _settler().settle(
        case_of(upload_record(headers=TRACE)), label_for(upload_event()), features=features
    )
    label, record = outcome.outputs
    assert label == outcome.output
    assert (record.topic, record.key, record.headers) == ("track-features", b"track-1", TRACE)
    found = FeatureDecoder(GTZAN57).decode(record.value)
    assert found.features.tobytes() == features.features.tobytes()
    assert outcome.size_bytes == label.size_bytes + record.size_bytes > 2_280


def test_a_track_that_is_dead_lettered_leaves_no_features() -> None:
    settings = settings_with(topics={"max_message_bytes": 500})
    outcome = _settler(settings).settle(
        case_of(upload_record()), _with_timeline(200), features=features_of("a")
    )
    assert (outcome.ending, outcome.also, outcome.left_out) == (Ending.DEAD_LETTERED, (), "")


@pytest.mark.parametrize(
    ("features", "max_feature_bytes"),
    [(features_of("a", n_windows=100), 20_000), (replace(features_of("a"), policy="x" * 70_000), 10**6)],
    ids=["a long track", "a long text"],
)
def test_features_too_large_for_their_topic_are_left_out_of_it(
    features: TrackFeatures, max_feature_bytes: int
) -> None:
    settings = settings_with(topics={"max_feature_bytes": max_feature_bytes})
    outcome = _settler(settings).settle(
        case_of(upload_record()), label_for(upload_event()), features=features
    )
    assert (outcome.ending, outcome.also, outcome.left_out) == (Ending.LABELLED, (), "too_large")


def test_refused_features_are_left_out_and_the_label_stays_as_it_is() -> None:
    settler = _settler()
    outcome = settler.settle(case_of(upload_record()), _with_timeline(5), features=features_of("a"))
    smaller = settler.shrink(outcome, refused=outcome.also[0])
    assert (smaller.output, smaller.also, smaller.left_out) == (outcome.output, (), "refused")


def test_a_refused_label_keeps_its_features_until_it_is_a_dead_letter() -> None:
    settler = _settler()
    outcome = settler.settle(case_of(upload_record()), _with_timeline(5), features=features_of("a"))
    bare = settler.shrink(outcome, refused=outcome.output)
    assert bare.label is not None
    assert bare.label.windows.timeline is None
    assert bare.also == outcome.also
    assert settler.shrink(bare, refused=bare.output).outputs[1:] == ()
