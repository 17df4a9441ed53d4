from __future__ import annotations

from collections.abc import Callable

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord
from consumer.kafka import KafkaAdmin, Publisher, Start, TopicReader
from consumer.ports import BrokerError
from consumer.topics import TopicState, create, definitions, inspect
from tests.broker.harness import (
    SECONDS,
    Broker,
    Topics,
    Transactions,
    publish,
    unique,
    uploads_of,
    wait_until,
)

Kafka = Callable[..., KafkaSettings]


def test_a_reader_from_now_sees_all_that_comes_and_nothing_before(kafka: Kafka, topics: Topics) -> None:
    publish(kafka(), topics.labels, [b"before"])
    with TopicReader(kafka(), [topics.labels], start=Start.NOW) as reader:
        publish(kafka(), topics.labels, [b"%d" % i for i in range(20)])
        seen: set[bytes | None] = set()

        def all_seen() -> bool:
            record = reader.poll(0.05)
            seen.update([record.value] if record else [])
            return len(seen) == 20

        wait_until(all_seen, what="twenty records")
    assert b"before" not in seen


def test_a_reader_ends_at_the_end_although_an_aborted_transaction_stands_there(
    kafka: Kafka, topics: Topics
) -> None:
    publish(kafka(), topics.labels, [b"1", b"2", b"3"])
    transactions = Transactions.registered(kafka(), topics)
    transactions.begin(topics.labels, [b"aborted"])
    transactions.abort()
    with TopicReader(kafka(), [topics.labels], start=Start.BEGINNING) as reader:
        values = sorted(record.value or b"" for record in reader.read_to_end(timeout_seconds=SECONDS))
    assert values == [b"1", b"2", b"3"]


def test_a_reader_of_a_missing_topic_says_which(kafka: Kafka, topics: Topics) -> None:
    with pytest.raises(BrokerError, match="no-such-topic") as caught:
        TopicReader(kafka(), ["no-such-topic"], start=Start.NOW)
    assert caught.value.code == "UNKNOWN_TOPIC_OR_PART"


def test_a_reader_leaves_no_group_behind(broker: Broker, kafka: Kafka, topics: Topics) -> None:
    publish(kafka(), topics.labels, [b"1"])
    with TopicReader(kafka(), [topics.labels], start=Start.BEGINNING) as reader:
        assert len(list(reader.read_to_end(timeout_seconds=SECONDS))) == 1
    groups = KafkaAdmin(kafka())._client.list_consumer_groups().result(SECONDS)
    assert kafka().group not in {group.group_id for group in groups.valid}


def test_a_published_record_keeps_key_value_and_headers(kafka: Kafka, topics: Topics) -> None:
    reports: list[BrokerError | None] = []
    record = OutputRecord(uploads_of(topics), key=b"\xff", value=b"\0", headers=(("name", b"\x01"),))
    with Publisher(kafka(), topics=topics) as publisher:
        publisher.publish(record, on_delivery=reports.append)
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    assert reports == [None]
    with TopicReader(kafka(), [uploads_of(topics)], start=Start.BEGINNING) as reader:
        (read,) = reader.read_to_end(timeout_seconds=SECONDS)
    assert (read.key, read.value, read.headers) == (b"\xff", b"\0", (("name", b"\x01"),))


def test_publishing_to_a_missing_topic_is_reported_to_the_callback(kafka: Kafka) -> None:
    reports: list[BrokerError | None] = []
    settings = kafka(producer_properties={"topic.metadata.propagation.max.ms": 500})
    with Publisher(settings) as publisher:
        publisher.publish(OutputRecord("no-such-topic", key=None, value=b"v"), on_delivery=reports.append)
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    (report,) = reports
    assert report is not None
    assert report.code in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC")


def test_topics_are_created_as_defined_and_the_broker_agrees(broker: Broker, kafka: Kafka) -> None:
    name = unique("t")
    topics = Topics(
        uploads={f"{name}.in": "track_uploaded"},
        labels=f"{name}.out",
        dead_letters=f"{name}.dlq",
        features=f"{name}.features",
        retries=(),
    )
    admin = KafkaAdmin(kafka(), timeout_seconds=SECONDS)
    wanted = definitions(topics, partitions=2)
    assert {report.state for report in create(admin, wanted)} == {TopicState.CREATED}
    wait_until(
        lambda: {report.state for report in inspect(admin, wanted)} == {TopicState.EXISTS}, what="the topics"
    )
    larger = {"max_message_bytes": 2_000_000, "max_feature_bytes": 5_000_000}
    differing = definitions(topics.model_copy(update=larger), partitions=2)
    assert {report.state for report in create(admin, differing)} == {TopicState.DIFFERS}
    admin.delete(topics.labels)
    wait_until(lambda: topics.labels not in admin.describe([topics.labels]), what="the topic's end")
