"""Says what somebody who wrote to Kafka, or read as a group, would have left behind."""

from __future__ import annotations

from collections.abc import Iterable

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord, TopicPartition
from consumer.kafka import KafkaAdmin, Publisher, find_ranges
from tests.broker.harness import SECONDS, Topics, uploads_of

Traces = tuple[dict[TopicPartition, int], set[str]]


def traces_of(kafka: KafkaSettings, topics: Topics) -> Traces:
    """Give where every topic ends, and which groups there are."""
    names = [uploads_of(topics), topics.labels, topics.dead_letters, topics.features]
    names += [retry.topic for retry in topics.retries]
    groups = KafkaAdmin(kafka, timeout_seconds=SECONDS)._client.list_consumer_groups().result(SECONDS)
    ends = {place: span.stop for place, span in find_ranges(kafka, names).items()}
    return ends, {group.group_id for group in groups.valid}


def publish_records(kafka: KafkaSettings, records: Iterable[OutputRecord]) -> None:
    """Publish records and wait for their delivery."""
    with Publisher(kafka) as publisher:
        for record in records:
            publisher.publish(record)
        assert publisher.flush(timeout_seconds=SECONDS) == 0
