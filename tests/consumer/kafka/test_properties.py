from __future__ import annotations

import socket

import pytest

from consumer.config import Delivery, KafkaSettings
from consumer.kafka import properties
from consumer.topic_settings import TopicSettings

TOPICS = TopicSettings()


def test_the_classic_protocol_is_cooperative_and_the_session_is_ours() -> None:
    found = properties.group_consumer(KafkaSettings(session_timeout_seconds=45.0))
    assert found["partition.assignment.strategy"] == "cooperative-sticky"
    assert found["session.timeout.ms"] == 45_000
    assert found["heartbeat.interval.ms"] == 3_000


def test_heartbeats_fit_a_short_session() -> None:
    found = properties.group_consumer(KafkaSettings(session_timeout_seconds=1.5))
    assert found["heartbeat.interval.ms"] == 500


def test_kip_848_leaves_session_and_assignor_to_the_broker() -> None:
    found = properties.group_consumer(KafkaSettings(group_protocol="consumer"))
    assert found["group.protocol"] == "consumer"
    assert not {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"} & set(found)


def test_nothing_is_committed_or_skipped_behind_our_back() -> None:
    found = properties.group_consumer(KafkaSettings())
    assert found["enable.auto.commit"] is False
    assert found["enable.auto.offset.store"] is False
    assert found["auto.offset.reset"] == "error"
    assert found["isolation.level"] == "read_committed"


def test_the_transactional_id_is_the_workers_own_unless_it_is_set() -> None:
    host = socket.gethostname()
    assert properties.transactional_id(KafkaSettings(group="g", slot=2)) == f"g-{host}-2"
    assert properties.transactional_id(KafkaSettings(transactional_id="mine")) == "mine"


def test_only_exactly_once_is_transactional() -> None:
    exactly = properties.worker_producer(KafkaSettings(transaction_timeout_seconds=15.0), TOPICS)
    assert exactly["transaction.timeout.ms"] == 15_000
    at_least = properties.worker_producer(KafkaSettings(delivery=Delivery.AT_LEAST_ONCE), TOPICS)
    assert not {"transactional.id", "transaction.timeout.ms"} & set(at_least)
    assert at_least["enable.idempotence"] is True


@pytest.mark.parametrize(
    ("max_feature_bytes", "largest"), [(1_000, 500_000 + 64 * 1024), (2_000_000, 2_000_000)]
)
def test_the_producer_takes_the_largest_record_and_batches_fit_the_label_topic(
    max_feature_bytes: int, largest: int
) -> None:
    topics = TopicSettings(max_message_bytes=500_000, max_feature_bytes=max_feature_bytes)
    found = properties.worker_producer(KafkaSettings(), topics)
    assert found["message.max.bytes"] == largest
    assert found["batch.size"] == 500_000


def test_passed_properties_win_over_ours_and_a_clients_own_over_the_common_ones() -> None:
    settings = KafkaSettings(
        properties={"security.protocol": "ssl", "linger.ms": 1, "fetch.wait.max.ms": 7},
        consumer_properties={"fetch.wait.max.ms": 9, "session.timeout.ms": 1},
        producer_properties={"linger.ms": 3},
    )
    consumer = properties.group_consumer(settings)
    assert (consumer["fetch.wait.max.ms"], consumer["session.timeout.ms"]) == (9, 1)
    producer = properties.worker_producer(settings, TOPICS)
    assert producer["linger.ms"] == 3
    everyone = (
        consumer,
        producer,
        properties.publisher(settings, TOPICS),
        properties.reader(settings),
        properties.admin(settings),
    )
    assert all(found["security.protocol"] == "ssl" for found in everyone)


def test_a_reader_takes_no_membership_from_the_settings() -> None:
    settings = KafkaSettings(consumer_properties={"group.instance.id": "worker-1", "fetch.min.bytes": 1})
    found = properties.reader(settings)
    assert "group.instance.id" not in found
    assert found["fetch.min.bytes"] == 1
    assert found["enable.auto.commit"] is False
