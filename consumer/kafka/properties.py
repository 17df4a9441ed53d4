"""Turns settings into librdkafka's configuration properties, one dictionary a kind of client."""

from __future__ import annotations

import socket

from consumer.config import Delivery, KafkaSettings
from consumer.topic_settings import TopicSettings

Property = str | int | float | bool
Properties = dict[str, Property]

_CLIENT: Properties = {
    "client.id": "genrestream",
    # A broker that comes back is found within two seconds; ten by default.
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2_000,
    # By default librdkafka 2.16 forgets every broker once all are down and bootstraps anew, but its cache of
    # group coordinators keeps the forgotten one: after a restart of the broker, offsets are sent nowhere
    # (its issue 5511). Broker names are looked up anew at every connection all the same.
    "metadata.recovery.strategy": "none",
    "socket.nagle.disable": True,
    "socket.keepalive.enable": True,
}

_FETCHING: Properties = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    # A broker answers one fetch at a time: a partition that is assigned or resumed waits until the idle
    # one ends.
    "fetch.wait.max.ms": 250,
    # How long a full local queue rests before it is filled again: a second by default.
    "fetch.queue.backoff.ms": 50,
    "fetch.error.backoff.ms": 200,
    # A topic that is created after its consumers is found within half a minute; five by default.
    "topic.metadata.refresh.interval.ms": 30_000,
    "queued.max.messages.kbytes": 4_096,
}

_BATCH_BYTES = 1_000_000  # librdkafka's default


def group_consumer(kafka: KafkaSettings) -> Properties:
    """Give the properties of the worker's consumer.

    The classic protocol's time-outs and assignor are the client's; under KIP-848 they are the broker's, and
    librdkafka refuses them.
    """
    properties: Properties = {
        **_CLIENT,
        **_FETCHING,
        "bootstrap.servers": kafka.bootstrap_servers,
        "group.id": kafka.group,
        "group.protocol": kafka.group_protocol,
        # Raises an event instead of moving the offset: what then happens is decided in group_consumer.py.
        "auto.offset.reset": "error",
        "max.poll.interval.ms": _milliseconds(kafka.max_poll_interval_seconds),
        "queued.min.messages": 64,
        "statistics.interval.ms": 5_000,
    }
    if kafka.group_protocol == "classic":
        session = _milliseconds(kafka.session_timeout_seconds)
        properties |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session,
            "heartbeat.interval.ms": min(3_000, max(session // 3, 1)),
        }
    return properties | kafka.properties | kafka.consumer_properties


def worker_producer(kafka: KafkaSettings, topics: TopicSettings) -> Properties:
    """Give the properties of the worker's producer: transactional where the delivery is exactly once."""
    properties = _producing(kafka, max_bytes=max(topics.max_dead_letter_bytes, topics.max_feature_bytes))
    # The first message of a batch may be larger, later ones must not make it so: the label topic's limit
    # is smaller than the dead letters' and the feature log's.
    properties["batch.size"] = min(_BATCH_BYTES, topics.max_message_bytes)
    if kafka.delivery is Delivery.EXACTLY_ONCE:
        properties |= {
            "transactional.id": transactional_id(kafka),
            "transaction.timeout.ms": _milliseconds(kafka.transaction_timeout_seconds),
        }
    return properties | kafka.properties | kafka.producer_properties


def publisher(kafka: KafkaSettings, topics: TopicSettings) -> Properties:
    """Give the properties of a plain producer of single events."""
    properties = _producing(kafka, max_bytes=topics.max_message_bytes)
    properties |= {"linger.ms": 1, "message.timeout.ms": 30_000}
    return properties | kafka.properties | kafka.producer_properties


def reader(kafka: KafkaSettings) -> Properties:
    """Give the properties of a reader in no group; the group's name is there for access rights only."""
    properties: Properties = {
        **_CLIENT,
        **_FETCHING,
        "bootstrap.servers": kafka.bootstrap_servers,
        "group.id": kafka.group,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
    return properties | _passed_to_readers(kafka)


def range_reader(kafka: KafkaSettings) -> Properties:
    """Give the properties of a reader of long ranges: as a reader's, with more fetched ahead."""
    ahead: Properties = {"queued.max.messages.kbytes": 32_768, "fetch.message.max.bytes": 4 * 1024 * 1024}
    return reader(kafka) | ahead | _passed_to_readers(kafka)


def admin(kafka: KafkaSettings) -> Properties:
    """Give the properties of an administrator's client."""
    return {**_CLIENT, "bootstrap.servers": kafka.bootstrap_servers} | kafka.properties


def transactional_id(kafka: KafkaSettings) -> str:
    """Give the producer's identity: as set, else `<group>-<host name>-<slot>`."""
    return kafka.transactional_id or f"{kafka.group}-{socket.gethostname()}-{kafka.slot}"


def _producing(kafka: KafkaSettings, *, max_bytes: int) -> Properties:
    return {
        **_CLIENT,
        "bootstrap.servers": kafka.bootstrap_servers,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "zstd",
        "message.max.bytes": max_bytes,
        # A commit or flush sends what lingers at once: waiting only fills batches in between.
        "linger.ms": 5,
    }


def _passed_to_readers(kafka: KafkaSettings) -> Properties:
    passed = kafka.properties | kafka.consumer_properties
    # They speak of membership, which a reader has none of; librdkafka may refuse them beside each other.
    return {name: value for name, value in passed.items() if not name.startswith("group.")}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)
