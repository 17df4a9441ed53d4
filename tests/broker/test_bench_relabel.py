"""The benchmark of relabelling counts real labels on a real broker, and says so where one is missing."""

from __future__ import annotations

import pytest

from consumer.bench import relabel
from consumer.bench.broker import Broker as BenchBroker
from consumer.bench.failures import BenchFailedError
from consumer.bench.relabel import make_tracks, measure_end_to_end, measure_scoring
from consumer.config import Settings
from consumer.kafka import KafkaAdmin
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer
from tests.broker.harness import SECONDS, Broker


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer(Registry().load("gtzan57-mlp"), device="cpu")


def test_two_processes_relabel_a_small_log_and_leave_no_topic(
    broker: Broker, scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = make_tracks(scorer, windows=3, count=10)
    lent = BenchBroker(broker.bootstrap_servers, own=False)
    counted: list[int] = []
    result = measure_end_to_end(
        scorer, kinds, settings=Settings(), broker=lent, tracks=300, processes=2, on_tracks=counted.append
    )
    assert sum(counted) == result["tracks"] == 300
    assert result["end_to_end_tracks_per_second"] == pytest.approx(300 / result["wall_seconds"])
    assert result["cpu_microseconds_per_track"] > 0
    settings = Settings().kafka.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
    assert "track-features" not in KafkaAdmin(settings, timeout_seconds=SECONDS).describe(["track-features"])

    publish = relabel._publish
    monkeypatch.setattr(relabel, "_publish", lambda fitted, kinds, tracks: publish(fitted, kinds, tracks - 1))
    with pytest.raises(BenchFailedError, match="tracks=300 labelled=299"):
        measure_end_to_end(scorer, kinds, settings=Settings(), broker=lent, tracks=300, processes=1)


def test_scoring_is_faster_than_labelling(scorer: OnnxScorer) -> None:
    result = measure_scoring(scorer, make_tracks(scorer, windows=10, count=50), settings=Settings(), rounds=3)
    assert result["scoring_tracks_per_second_per_core"] > result["labelling_tracks_per_second_per_core"] > 0
