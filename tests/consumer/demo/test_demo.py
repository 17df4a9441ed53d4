"""Tests of the demo's parts: its counts, its percentiles, its settings. The whole runs end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consumer.audio_files import upload
from consumer.config import Delivery, load_settings
from consumer.demo.demo import DemoTrack, Tally, for_demo, label_of, percentile, problem_of
from consumer.watch import DeadLetter
from tests.consumer.engines import label_for

UPLOAD = upload("file:///a.mp3")
DEAD = DeadLetter(
    "e", "t", "not_audio", "text\nfile", attempts=1, topic="track-uploads", partition=0, offset=3
)


@pytest.mark.parametrize("count", [2, 3, 10, 101])
@pytest.mark.parametrize("percent", [50, 95])
def test_percentiles_are_numpys(count: int, percent: int) -> None:
    values = [float(value) for value in np.random.default_rng(count).exponential(size=count)]

    found = percentile(values, percent)

    assert found == pytest.approx(np.percentile(values, percent), abs=0.0005)


def test_percentiles_of_one_value_are_it_and_of_none_are_null() -> None:
    assert percentile([1.23456], 95) == 1.235
    assert percentile([], 50) is None


def test_the_last_line_counts_every_track_once() -> None:
    tally = Tally(submitted=4)
    for ended, seconds in (
        (label_for(UPLOAD), 1.0),
        (label_for(UPLOAD, genre=None), 3.0),
        (label_for(UPLOAD), 2.0),
        (DEAD, 99.0),
    ):
        tally.count(DemoTrack(Path("a.mp3"), ended, seconds))

    assert tally.to_json() == {
        "submitted": 4,
        "labelled": 2,
        "abstained": 1,
        "dead_lettered": 1,
        "p50_seconds": 2.0,
        "p95_seconds": 2.9,
    }


def test_a_demo_speaks_to_its_own_broker_only_and_keeps_the_operators_other_settings() -> None:
    settings = load_settings(
        overrides={
            "kafka": {
                "bootstrap_servers": "production:9092",
                "properties": {"security.protocol": "SASL_SSL"},
            },
            "serve": {"host": "0.0.0.0", "port": 9464},  # noqa: S104 - must be overruled
            "decode": {"processes": 3},
        }
    )

    demo = for_demo(settings, bootstrap_servers="127.0.0.1:1")

    assert demo.kafka.bootstrap_servers == "127.0.0.1:1"
    assert demo.kafka.delivery is Delivery.AT_LEAST_ONCE
    assert demo.kafka.properties == {}
    assert (demo.serve.host, demo.serve.port) == ("127.0.0.1", 0)
    assert demo.decode.processes == 3
    assert max(retry.delay_seconds for retry in demo.topics.retries) <= 1.0


def test_a_dead_letter_has_a_problem_and_no_label() -> None:
    dead, labelled = DemoTrack(Path("a"), DEAD, 1.0), DemoTrack(Path("a"), label_for(UPLOAD), 1.0)

    assert (label_of(dead), problem_of(dead)) == (None, "not_audio: text file")
    assert label_of(labelled) is labelled.ended
    assert problem_of(labelled) == ""
