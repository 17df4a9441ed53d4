from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher, Start, TopicReader
from tests import audio
from tests.broker.harness import SECONDS, Topics, uploads_of, wait_until
from tests.broker.workers import Workers, upload

GOAL_SECONDS = 1.5


@pytest.mark.parametrize("protocol", ["classic"])
def test_an_idle_worker_labels_a_thirty_second_mp3_within_a_second_and_a_half(
    settings: KafkaSettings, topics: Topics, workers: Workers, tmp_path: Path
) -> None:
    file = audio.encode(audio.music(30.0, 44_100), 44_100, codec="mp3", path=tmp_path / "track.mp3")
    worker = workers.start(sections={"decode": {"processes": 2}, "worker": {"device": "cpu"}})
    worker.wait_until_ready()
    took_seconds: list[float] = []
    with (
        TopicReader(settings, [topics.labels], start=Start.NOW) as reader,
        Publisher(settings) as publisher,
    ):
        for number in range(7):
            published = time.monotonic()
            value = upload(f"event-{number}", uri=file.as_uri())
            publisher.publish(OutputRecord(uploads_of(topics), key=b"%d" % number, value=value))
            publisher.flush(timeout_seconds=SECONDS)
            wait_until(lambda: reader.poll(0.05) is not None, what="the committed label")
            took_seconds.append(time.monotonic() - published)
    assert worker.stop() == 0, worker.tail()
    assert statistics.median(took_seconds) < GOAL_SECONDS, took_seconds
