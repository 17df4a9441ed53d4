"""Counts the labels of replays as they come, without reading their topic anew each time."""

from __future__ import annotations

from consumer.config import KafkaSettings
from consumer.kafka import Start, TopicReader
from tests.broker.harness import Topics, wait_until


class Follower:
    """Follows a topic of labels from now on.

    A reader that wants an end may never see one where a flush comes with every fetch.
    """

    def __init__(self, settings: KafkaSettings, topics: Topics) -> None:
        self._reader = TopicReader(settings, [topics.labels], start=Start.NOW)
        self._replayed = 0

    def wait_for(self, count: int, *, what: str) -> None:
        wait_until(lambda: self._at_least(count), what=what, seconds=90.0)

    def close(self) -> None:
        self._reader.close()

    def _at_least(self, count: int) -> bool:
        while self._replayed < count and (record := self._reader.poll(0.01)) is not None:
            self._replayed += b'"replay_id":"' in (record.value or b"")
        return self._replayed >= count
