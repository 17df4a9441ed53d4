"""Gives the broker tests one real Apache Kafka a session, and every test topics and groups of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from deploy.local_kafka import LocalKafka, missing_tools
from tests.broker.harness import Broker, Topics, make_topics, unique
from tests.broker.workers import Workers

# Time-outs of membership and of abandoned transactions that a test can wait for. A broker's own: 6 s or more
# (classic sessions), 45 s (KIP-848 sessions), 9 s (itself, after a crash), 10 s (transactions).
QUICK_BROKER = {
    "broker.session.timeout.ms": "3000",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "300",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "4000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/broker/" in item.path.as_posix():
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield Broker(given, local=None)
        return
    missing = missing_tools()
    if missing is not None:
        reason = f"no real Kafka here: {missing}, or set KAFKA_BOOTSTRAP_SERVERS"
        # A skipped proof is no proof: in CI a machine without the tools is a failure.
        (pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip)(reason)
    with LocalKafka(heap="384m", properties=QUICK_BROKER) as local:
        yield Broker(local.bootstrap_servers, local=local)


@pytest.fixture(params=["classic", "consumer"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def topics(broker: Broker) -> Topics:
    """Topics of this test alone, three partitions of uploads and labels."""
    return make_topics(broker, partitions=3)


@pytest.fixture
def kafka(broker: Broker) -> Callable[..., KafkaSettings]:
    """Settings of this test's group; arguments are settings."""
    group = unique("group")

    def settings_with(**changes: object) -> KafkaSettings:
        # Another broker than ours takes no shorter session than six seconds.
        session = 3.0 if broker.local else 6.0
        quick = {"session_timeout_seconds": session, "transaction_timeout_seconds": 5.0}
        named = {"bootstrap_servers": broker.bootstrap_servers, "group": group}
        return KafkaSettings.model_validate({**quick, **named, **changes})

    return settings_with


@pytest.fixture
def settings(kafka: Callable[..., KafkaSettings], protocol: str) -> KafkaSettings:
    """Settings of this test's group, under each group protocol."""
    return kafka(group_protocol=protocol)


@pytest.fixture
def workers(settings: KafkaSettings, topics: Topics, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes of this test's group."""
    made = Workers(settings, topics, tmp_path)
    yield made
    made.close()
