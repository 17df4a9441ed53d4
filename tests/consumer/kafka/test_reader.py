"""Checks how a reader begins where a broker has just come back, on librdkafka's in-process mock cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from time import monotonic

import confluent_kafka as ck
import pytest

from consumer.config import Settings
from consumer.kafka import Start, TopicReader
from consumer.ports import BrokerError
from tests.consumer.mock_cluster import cluster, settings

__all__ = ["cluster", "settings"]

Answers = list[int | None]
"""What was said to each question for a partition's ends: an error's code, or None where they were told."""
Break = Callable[[Iterable[int]], Answers]


@pytest.fixture
def break_with(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let questions for ends fail with these codes, one after the other, before the broker is asked."""

    def break_with(codes: Iterable[int]) -> Answers:
        answers: Answers = []
        left = iter(codes)

        class Stumbling(ck.Consumer):
            def get_watermark_offsets(
                self, partition: ck.TopicPartition, timeout: float = -1, cached: bool = False
            ) -> tuple[int, int]:
                answers.append(next(left, None))
                if answers[-1] is not None:
                    raise ck.KafkaException(ck.KafkaError(answers[-1]))
                return super().get_watermark_offsets(partition, timeout=timeout, cached=cached)

        monkeypatch.setattr(ck, "Consumer", Stumbling)
        return answers

    return break_with


@pytest.mark.parametrize("code", [ck.KafkaError.NOT_LEADER_FOR_PARTITION, ck.KafkaError.LEADER_NOT_AVAILABLE])
def test_a_reader_waits_for_a_leader(settings: Settings, break_with: Break, code: int) -> None:
    answers = break_with([code, code])
    with TopicReader(settings.kafka, ["track-labels"], start=Start.BEGINNING) as reader:
        assert list(reader.read_to_end(timeout_seconds=20.0)) == []
    assert answers == [code, code, None, None, None, None]  # four partitions


def test_a_reader_gives_up_where_no_leader_comes_in_time(settings: Settings, break_with: Break) -> None:
    answers = break_with(repeat(ck.KafkaError.NOT_LEADER_FOR_PARTITION))
    before = monotonic()
    with pytest.raises(BrokerError, match="find the topics") as caught:
        TopicReader(settings.kafka, ["track-labels"], start=Start.NOW, timeout_seconds=0.3)
    assert caught.value.code == "NOT_LEADER_FOR_PARTITION"
    assert 0.3 <= monotonic() - before < 10.0
    assert len(answers) > 1


def test_a_reader_does_not_wait_where_it_is_refused(settings: Settings, break_with: Break) -> None:
    answers = break_with(repeat(ck.KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(BrokerError) as caught:
        TopicReader(settings.kafka, ["track-labels"], start=Start.NOW)
    assert caught.value.is_authorization
    assert len(answers) == 1
