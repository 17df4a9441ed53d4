"""Starts librdkafka's in-process mock cluster: a broker for the demo, with no transactions and no admin."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import confluent_kafka as ck

from consumer.kafka.translate import configuration, translated

_SECONDS: Final = 10.0


class MockCluster:
    """One mock broker on loopback, alive as long as this object; a context manager.

    It keeps records in memory. Groups have a fixed session of six seconds, and a second member waits as long
    before it gets partitions. Nothing of transactions is enforced: what runs on it delivers at least once.
    Topics come with four partitions; retention and lookup by time do not exist.
    """

    def __init__(self) -> None:
        self._client = ck.Producer(configuration({"test.mock.num.brokers": 1, "client.id": "mock-cluster"}))
        with translated("start the mock cluster"):
            (broker,) = self._client.list_topics(timeout=_SECONDS).brokers.values()
        self.bootstrap_servers: Final[str] = f"{broker.host}:{broker.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create_topics(self, names: Sequence[str]) -> None:
        """Make topics: the mock cluster creates what a producer asks about."""
        for name in names:
            with translated(f"create topic {name!r} on the mock cluster"):
                self._client.list_topics(name, timeout=_SECONDS)

    def close(self) -> None:
        """End the cluster and forget its records."""
        if hasattr(self, "_client"):
            del self._client
