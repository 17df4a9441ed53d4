"""What the broker tests share: topics of one test, a member polled by hand, reading what is visible."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.kafka import KafkaAdmin, KafkaConsumer, KafkaProducer, Publisher, Start, TopicReader
from consumer.ports import BrokerError, Partitions, RebalanceListener
from consumer.topic_settings import RetryTopic, TopicSettings
from consumer.topics import create, definitions
from deploy.local_kafka import LocalKafka

SECONDS = 30.0
"""Limit of whatever a test waits for; two slow cores shared with a broker need some of it."""

Topics = TopicSettings


@dataclass(frozen=True)
class Broker:
    """The broker under test; `local` is None where it is somebody else's."""

    bootstrap_servers: str
    local: LocalKafka | None


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:8]}"


def make_topics(broker: Broker, *, partitions: int, retry_seconds: Sequence[float] = (0.5,)) -> Topics:
    """Create a set of topics of its own; the waits of its retry topics are short."""
    name = unique("t")
    topics = TopicSettings(
        uploads={f"{name}.uploads": "track_uploaded"},
        labels=f"{name}.labels",
        dead_letters=f"{name}.dlq",
        features=f"{name}.features",
        retries=tuple(RetryTopic(topic=f"{name}.retry.{s}s", delay_seconds=s) for s in retry_seconds),
    )
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=SECONDS)
    create(admin, definitions(topics, partitions=partitions))
    return topics


def uploads_of(topics: Topics) -> str:
    return next(iter(topics.uploads))


def publish(settings: KafkaSettings, topic: str, values: Iterable[bytes]) -> None:
    """Publish values, each under itself as key, and wait for their delivery."""
    with Publisher(settings) as publisher:
        for value in values:
            publisher.publish(OutputRecord(topic, key=value[:64], value=value))
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def read_all(settings: KafkaSettings, topic: str) -> list[InputRecord]:
    """Read every committed record of a topic."""
    with TopicReader(settings, [topic], start=Start.BEGINNING) as reader:
        return list(reader.read_to_end(timeout_seconds=SECONDS))


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = SECONDS) -> None:
    """Poll a condition until it holds; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@dataclass
class Member:
    """A group member polled by hand: remembers what it was assigned and what it read."""

    consumer: KafkaConsumer
    assigned: set[TopicPartition] = field(default_factory=set)
    revoked: list[TopicPartition] = field(default_factory=list)
    lost: list[TopicPartition] = field(default_factory=list)
    records: list[InputRecord] = field(default_factory=list)
    troubles: list[BrokerError] = field(default_factory=list)

    @classmethod
    def joining(cls, settings: KafkaSettings, topics: Sequence[str]) -> Self:
        member = cls(KafkaConsumer(settings))
        listener = RebalanceListener(member._on_assign, member._on_revoke, member._on_lost)
        member.consumer.subscribe(topics, listener=listener)
        return member

    def poll(self, timeout_seconds: float = 0.05) -> None:
        try:
            record = self.consumer.poll(timeout_seconds)
        except BrokerError as exc:
            if not exc.retriable:
                raise
            self.troubles.append(exc)
            return
        if record is not None:
            self.records.append(record)

    def poll_until(self, condition: Callable[[], bool], *, what: str, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            self.poll()

    def poll_for(self, count: int) -> list[InputRecord]:
        self.poll_until(lambda: len(self.records) >= count, what=f"{count} records")
        return self.records

    def _on_assign(self, partitions: Partitions) -> None:
        self.assigned.update(partitions)

    def _on_revoke(self, partitions: Partitions) -> None:
        self.revoked.extend(partitions)
        self.assigned.difference_update(partitions)

    def _on_lost(self, partitions: Partitions) -> None:
        self.lost.extend(partitions)
        self.assigned.difference_update(partitions)


@dataclass
class Transactions:
    """A transactional producer whose calls are one line in a test."""

    producer: KafkaProducer

    @classmethod
    def registered(cls, settings: KafkaSettings, topics: Topics) -> Self:
        producer = KafkaProducer(settings, topics=topics)
        producer.init_transactions(timeout_seconds=SECONDS)
        return cls(producer)

    def begin(self, topic: str, values: Iterable[bytes]) -> list[BrokerError | None]:
        """Begin a transaction and produce into it; gives the delivery reports as they come."""
        self.producer.begin_transaction()
        reports: list[BrokerError | None] = []
        for value in values:
            self.producer.produce(
                OutputRecord(topic, key=value[:64], value=value), on_delivery=reports.append
            )
        return reports

    def commit(self) -> None:
        self.producer.commit_transaction(timeout_seconds=SECONDS)

    def abort(self) -> None:
        self.producer.abort_transaction(timeout_seconds=SECONDS)
