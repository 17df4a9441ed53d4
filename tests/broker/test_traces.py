"""A real worker sends the spans of its tracks to a collector, and labels them without one all the same."""

from __future__ import annotations

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher
from tests.broker.harness import SECONDS, Topics, uploads_of, wait_until
from tests.broker.workers import Workers, dead_letters, upload, wait_for_labels
from tests.consumer.collecting_spans import attributes_of, collector, silent_collector

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def protocol() -> str:
    return "classic"


def _publish(settings: KafkaSettings, topics: Topics, uris: dict[str, str]) -> None:
    traced = (("traceparent", f"00-{TRACE}-{SPAN}-01".encode()),)
    with Publisher(settings) as publisher:
        for name, uri in uris.items():
            publisher.publish(OutputRecord(uploads_of(topics), name.encode(), upload(name, uri=uri), traced))
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def test_each_delivery_of_an_upload_is_a_span_of_its_trace(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    with collector() as collected:
        trace = {"endpoint": collected.endpoint, "sample_ratio": 0.0}
        worker = workers.start(faults={"fake_audio": True}, sections={"trace": trace})
        _publish(settings, topics, {"good": "ok:3", "bad": "segv:"})
        wait_for_labels(settings, topics, 1, workers=workers)
        wait_until(lambda: len(dead_letters(settings, topics)) == 1, what="the dead letter", seconds=60)
        assert worker.stop() == 0, worker.tail()
    events = collected.named(f"process {uploads_of(topics)}")
    outcomes = sorted(str(attributes_of(list(one.attributes))["genrestream.outcome"]) for one in events)
    assert outcomes == ["dead_lettered", "labelled", "retried"]
    assert {one.trace_id.hex() for one in collected.spans} == {TRACE}
    assert {one.parent_span_id.hex() for one in events} == {SPAN}
    (labelled,) = [one for one in events if not one.status.code]
    stages = [one for one in collected.spans if one.parent_span_id == labelled.span_id]
    assert [one.name for one in stages] == ["fetch", "decode", "featurize", "score", "publish"]
    for stage in stages:
        times = labelled.start_time_unix_nano, stage.start_time_unix_nano, stage.end_time_unix_nano
        assert sorted(times) == list(times)
        assert stage.end_time_unix_nano <= labelled.end_time_unix_nano


def test_tracks_are_labelled_and_a_worker_ends_though_its_collector_is_silent(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    with silent_collector() as endpoint:
        worker = workers.start(faults={"light": 0.02}, sections={"trace": {"endpoint": endpoint}})
        _publish(settings, topics, {f"e{number}": "file:///nowhere" for number in range(300)})
        counts = wait_for_labels(settings, topics, 300, workers=workers)
        assert set(counts.values()) == {1}
        assert worker.stop() == 0, worker.tail()
