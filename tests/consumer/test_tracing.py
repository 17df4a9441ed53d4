"""Committed outcomes become spans of the right trace, times and attributes, and never hold a worker up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from consumer import tracing as tracing_module
from consumer.config import load_settings
from consumer.errors import AudioNotFoundError, FetchTimeoutError, SettingsError
from consumer.events import TrackLabelled
from consumer.jobs import Headers
from consumer.loop.outcomes import Outcome, Settler
from consumer.trace_settings import TraceSettings
from consumer.tracing import Tracing, open_tracing
from consumer.worker import Worker
from featurizer.errors import MissingExtraError
from tests.consumer.collecting_spans import attributes_of, collector, silent_collector
from tests.consumer.engines import MOMENT, label_for
from tests.consumer.records import NOW, case_of, settings_with, upload_event, upload_record

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
COMMITTED, SETTLED, DISPATCHED = 50.0, 49.5, 47.0
"""Monotonic seconds; the wall clock reads NOW at the commit."""

Spans = Callable[..., dict[str, ReadableSpan]]


def _traced(flags: str = "01", *more: tuple[str, bytes]) -> Headers:
    return (("traceparent", f"00-{TRACE}-{SPAN}-{flags}".encode()), *more)


def _label() -> TrackLabelled:
    """Started ten seconds before the commit, waited 3.5 s, and was labelled one second before it."""
    label = label_for(upload_event(), genre="jazz", confidence=0.75)
    timing = {
        "started_at": MOMENT - timedelta(seconds=10),
        "labelled_at": MOMENT - timedelta(seconds=1),
        "fetch_seconds": 1.0,
        "decode_seconds": 2.0,
        "featurize_seconds": 2.25,
        "score_seconds": 0.25,
        "wait_seconds": 3.5,
    }
    return label.model_copy(update={"timing": label.timing.model_copy(update=timing)})


def _outcome(result: TrackLabelled | BaseException, headers: Headers = ()) -> Outcome:
    settler = Settler(settings_with(), clock=lambda: SETTLED, wall_clock=lambda: NOW)
    outcome = settler.settle(case_of(upload_record(7, headers=headers)), result)
    return replace(outcome, dispatched_at=DISPATCHED)


def _made(outcome: Outcome, **settings: float) -> dict[str, ReadableSpan]:
    kept = InMemorySpanExporter()
    tracing = Tracing(TraceSettings.model_validate(settings), group="g", exporter=kept)
    tracing(outcome, now=COMMITTED, wall_now=NOW)
    tracing.close()
    return {span.name: span for span in kept.get_finished_spans()}


def _before_commit(nanoseconds: int | None) -> float:
    assert nanoseconds is not None
    return round(NOW - nanoseconds / 1e9, 3)


def test_a_label_is_a_child_of_its_uploads_span_with_a_child_a_stage() -> None:
    spans = _made(_outcome(_label(), _traced("01", ("tracestate", b"vendor=1"))))
    event = spans.pop("process track-uploads")
    assert event.parent is not None
    assert format_trace_id(event.parent.trace_id) == TRACE
    assert format_span_id(event.parent.span_id) == SPAN
    assert event.parent.trace_state.get("vendor") == "1"
    assert event.kind is SpanKind.CONSUMER
    times = {name: (_before_commit(s.start_time), _before_commit(s.end_time)) for name, s in spans.items()}
    assert times == {
        "fetch": (6.5, 5.5),
        "decode": (5.5, 3.5),
        "featurize": (3.5, 1.25),
        "score": (1.25, 1.0),
        "publish": (0.5, 0.0),
    }
    assert (_before_commit(event.start_time), _before_commit(event.end_time)) == (10.0, 0.0)
    for span in spans.values():
        assert span.parent == event.get_span_context()
    attributes = dict(event.attributes or {})
    assert attributes["messaging.system"] == "kafka"
    assert attributes["messaging.destination.name"] == "track-uploads"
    assert (attributes["messaging.kafka.offset"], attributes["messaging.consumer.group.name"]) == (7, "g")
    assert attributes["genrestream.track_id"] == "track-1"
    assert (attributes["genrestream.genre"], attributes["genrestream.outcome"]) == ("jazz", "labelled")
    assert event.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("error", [AudioNotFoundError("nothing there"), FetchTimeoutError("slow")])
def test_a_failed_delivery_has_its_error_and_the_time_since_it_was_dispatched(error: Exception) -> None:
    spans = _made(_outcome(error, _traced()))
    event = spans.pop("process track-uploads")
    assert event.status.status_code is StatusCode.ERROR
    (told,) = event.events
    assert (told.attributes or {})["exception.message"] == str(error)
    assert (_before_commit(event.start_time), _before_commit(told.timestamp)) == (3.0, 0.5)
    assert (event.attributes or {})["error.type"] in {"not_found", "fetch_timeout"}
    assert list(spans) == ["publish"]


@pytest.mark.parametrize(
    ("headers", "ratio", "recorded"),
    [
        (_traced("01"), 0.0, True),
        (_traced("00"), 1.0, False),
        ((), 1.0, True),
        ((), 0.0, False),
        ((("traceparent", b"nonsense"),), 1.0, True),
    ],
)
def test_the_uploads_flag_decides_and_the_ratio_where_it_has_none(
    headers: Headers, ratio: float, recorded: bool
) -> None:
    spans = _made(_outcome(_label(), headers), sample_ratio=ratio)
    assert bool(spans) is recorded
    if recorded and headers != _traced("01"):
        assert spans["process track-uploads"].parent is None


def test_what_is_skipped_has_no_span_and_an_unreadable_record_has_one() -> None:
    settler = Settler(settings_with(), clock=lambda: SETTLED, wall_clock=lambda: NOW)
    case = replace(case_of(upload_record()), upload=None)
    assert not _made(settler.skip(case, "no_events"))
    assert "process track-uploads" in _made(settler.settle(case, AudioNotFoundError("x")))


def test_trouble_with_a_span_is_no_trouble_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Outcome) -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr(tracing_module, "_parent", broken)
    assert not _made(_outcome(_label()))


def test_spans_arrive_at_a_collector_with_its_credentials() -> None:
    with collector() as collected:
        settings = TraceSettings.model_validate(
            {"endpoint": collected.endpoint, "service_name": "tracks", "headers": {"x-token": "hidden"}}
        )
        assert "hidden" not in repr(settings)
        with open_tracing(settings, group="g") as tracing:
            for headers in (_traced(), _traced("00")):
                tracing(_outcome(_label(), headers), now=COMMITTED, wall_now=NOW)
    assert len(collected.spans) == 6
    assert collected.services == {"tracks"}
    assert collected.requests[0]["x-token"] == "hidden"
    (event,) = collected.named("process track-uploads")
    assert (event.trace_id.hex(), event.parent_span_id.hex()) == (TRACE, SPAN)
    assert attributes_of(list(event.attributes))["messaging.destination.partition.id"] == "0"


@pytest.fixture(params=["silent", "refusing"])
def dead_end(request: pytest.FixtureRequest) -> Iterator[str]:
    with silent_collector() as endpoint:
        if request.param == "silent":
            yield endpoint
    if request.param == "refusing":
        yield endpoint


@pytest.mark.slow
def test_a_dead_collector_holds_nobody_up(dead_end: str) -> None:
    outcome, seconds = _outcome(_label(), _traced()), []
    with open_tracing(TraceSettings(endpoint=dead_end, timeout_seconds=60.0), group="g") as tracing:
        for _ in range(4_000):  # more than the queue holds
            began = time.perf_counter()
            tracing(outcome, now=COMMITTED, wall_now=NOW)
            seconds.append(time.perf_counter() - began)
        began = time.monotonic()
    assert sorted(seconds)[len(seconds) * 99 // 100] < 0.05
    assert max(seconds) < 20.0  # where a request was waited for: 60
    assert time.monotonic() - began < 20.0


@pytest.mark.slow
def test_nothing_of_it_is_loaded_unless_it_is_switched_on() -> None:
    program = """
import sys
from contextlib import nullcontext
import consumer.loop.kafka_loop, consumer.cli.worker
from consumer.config import Settings
from consumer.worker import Worker
def loaded(): return [name for name in sys.modules if name.startswith("opentelemetry")]
assert isinstance(Worker(Settings())._trace(), nullcontext)
assert not loaded(), loaded()
Worker(Settings(trace={"endpoint": "http://127.0.0.1:9"}))._trace()
assert loaded()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60.0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "consumer.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    settings = load_settings(overrides={"trace": {"endpoint": "http://127.0.0.1:9"}})
    with pytest.raises(MissingExtraError, match=r"pip install 'genrestream\[trace\]'"):
        Worker(settings).run()


@pytest.mark.parametrize("wrong", [{"endpoint": "127.0.0.1:4318"}, {"sample_ratio": 1.5}, {"sampling": 1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="trace"):
        load_settings(overrides={"trace": wrong})
