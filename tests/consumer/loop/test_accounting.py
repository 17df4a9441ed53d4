"""Tests of what is counted of a committed outcome: each metric once, by labels from fixed sets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from consumer.clock import Clock
from consumer.errors import AudioNotFoundError
from consumer.events import DeclaredGenre, TrackLabelled
from consumer.jobs import Headers, InputRecord
from consumer.loop.accounting import Accountant
from consumer.loop.outcomes import Ending, Outcome, Settler
from consumer.loop.provenance import retry_headers
from consumer.metrics import Metrics
from tests.consumer.engines import label_for
from tests.consumer.feature_records import features_of
from tests.consumer.records import NOW, RETRIES, case_of, settings_with, upload_event, upload_record

CLOCK = Clock(monotonic=lambda: 50.0, wall=lambda: NOW + 1.5, sleep=lambda _: None)


def _settle(result: TrackLabelled | BaseException) -> Outcome:
    settler = Settler(settings_with(), clock=lambda: 49.5, wall_clock=CLOCK.wall)
    return settler.settle(case_of(upload_record()), result)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"genrestream_{name}", labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_a_label_is_counted_with_its_genre_its_confidence_and_its_seconds(metrics: Metrics) -> None:
    label = label_for(upload_event(), confidence=0.75, warnings=("short", "clipped"))

    Accountant(metrics, clock=CLOCK).committed([_settle(label)])

    assert _value(metrics, "tracks_total", outcome="labelled", reason="") == 1
    assert _value(metrics, "labels_total", genre="jazz") == 1
    assert _value(metrics, "confidence_sum") == 0.75
    assert _value(metrics, "audio_warnings_total", warning="short") == 1
    assert _value(metrics, "audio_warnings_total", warning="clipped") == 1
    assert _value(metrics, "stage_seconds_sum", stage="publish") == 0.5
    assert _value(metrics, "stage_seconds_sum", stage="end_to_end") == pytest.approx(1.5)


def test_features_are_counted_as_logged_or_by_why_they_were_left_out(metrics: Metrics) -> None:
    settler = Settler(settings_with(), clock=lambda: 49.5, wall_clock=CLOCK.wall)
    case, label = case_of(upload_record()), label_for(upload_event())
    logged = settler.settle(case, label, features=features_of("track-1"))
    refused = settler.shrink(logged, refused=logged.also[0])

    Accountant(metrics, clock=CLOCK).committed([logged, refused, settler.settle(case, label)])

    assert _value(metrics, "feature_records_total", result="logged") == 1
    assert _value(metrics, "feature_records_total", result="refused") == 1
    assert _value(metrics, "tracks_total", outcome="labelled", reason="") == 3


@pytest.mark.parametrize(("agrees", "counted"), [(True, "true"), (False, "false"), (None, "unknown")])
def test_a_declared_genre_is_counted_by_whether_it_agrees(
    agrees: bool | None, counted: str, metrics: Metrics
) -> None:
    declared = DeclaredGenre(genre="anything a publisher may write", agrees=agrees)
    label = label_for(upload_event()).model_copy(update={"declared": declared})

    Accountant(metrics, clock=CLOCK).committed([_settle(label)])

    assert _value(metrics, "declared_genres_total", agrees=counted) == 1


def test_an_upload_that_declared_nothing_is_not_counted_as_declared(metrics: Metrics) -> None:
    Accountant(metrics, clock=CLOCK).committed([_settle(label_for(upload_event()))])

    assert b"genrestream_declared_genres_total{" not in metrics.expose()[1]


def test_an_abstention_has_a_reason_and_no_genre(metrics: Metrics) -> None:
    Accountant(metrics, clock=CLOCK).committed([_settle(label_for(upload_event(), genre=None))])

    assert _value(metrics, "tracks_total", outcome="abstained", reason="low_confidence") == 1
    assert b"genrestream_labels_total{" not in metrics.expose()[1]


def test_a_dead_letter_is_counted_by_its_reason_and_has_no_end_to_end_time(metrics: Metrics) -> None:
    Accountant(metrics, clock=CLOCK).committed([_settle(AudioNotFoundError("nothing there"))])

    assert _value(metrics, "tracks_total", outcome="dead_lettered", reason="not_found") == 1
    assert _value(metrics, "stage_seconds_count", stage="end_to_end") == 0


def test_each_outcome_of_a_flush_is_counted(metrics: Metrics) -> None:
    outcome = _settle(label_for(upload_event()))

    Accountant(metrics, clock=CLOCK).committed([outcome, replace(outcome, ending=Ending.LABELLED)])

    assert _value(metrics, "tracks_total", outcome="labelled", reason="") == 2


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED: Headers = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode()),)


def test_every_line_about_an_event_says_which_and_from_where_and_of_a_retry_also_its_origin(
    metrics: Metrics,
) -> None:
    settler = Settler(settings_with(), clock=lambda: 49.5, wall_clock=CLOCK.wall)
    first = case_of(upload_record(7, headers=TRACED))
    headers = retry_headers(first.provenance, AudioNotFoundError("gone"), now=NOW, not_before=NOW)
    again = case_of(InputRecord(RETRIES, 3, b"t", first.record.value, headers))
    with capture_logs() as lines:
        Accountant(metrics, clock=CLOCK).committed(
            [settler.settle(case, AudioNotFoundError("gone")) for case in (first, again)]
            + [settler.settle(case, label_for(upload_event())) for case in (first, again)]
        )
    assert len(lines) == 4
    for line in lines:
        assert (line["track_id"], line["event_id"], line["trace_id"]) == ("track-1", "event-1", TRACE)
    for line in lines[::2]:
        assert (line["topic"], line["partition"], line["offset"]) == ("track-uploads", 0, 7)
        assert line["attempt"] == 1
        assert "origin" not in line
    for line in lines[1::2]:
        assert (line["topic"], line["offset"], line["attempt"]) == (RETRIES.topic, 3, 2)
        assert line["origin"] == "track-uploads/0/7"
    assert {"model", "model_version", "result_id"} <= lines[2].keys()


def test_an_unreadable_record_without_a_trace_has_a_line_too(metrics: Metrics) -> None:
    case = replace(case_of(upload_record(7)), upload=None)
    settler = Settler(settings_with(), clock=lambda: 49.5, wall_clock=CLOCK.wall)
    with capture_logs() as lines:
        Accountant(metrics, clock=CLOCK).committed([settler.settle(case, AudioNotFoundError("gone"))])
    assert lines[0]["track_id"] is None
    assert lines[0]["offset"] == 7
    assert "trace_id" not in lines[0]
