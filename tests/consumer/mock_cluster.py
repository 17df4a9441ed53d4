"""Provides librdkafka's in-process mock cluster with the service's topics, and settings that point at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consumer.config import Settings, load_settings
from consumer.kafka import MockCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as cluster:
        cluster.create_topics(["track-uploads", "track-labels", "track-uploads.dlq"])
        yield cluster


@pytest.fixture
def settings(cluster: MockCluster) -> Settings:
    return load_settings(overrides={"kafka": {"bootstrap_servers": cluster.bootstrap_servers}})
