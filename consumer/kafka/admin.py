"""Turns questions about a cluster, and topic definitions, into administrator's requests."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import confluent_kafka as ck

# Both are public; the library re-exports them without saying so in its types.
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from consumer.config import KafkaSettings
from consumer.kafka import properties
from consumer.kafka.translate import broker_error, configuration, refused_as_settings, translated
from consumer.ports import BrokerError
from consumer.topics import TopicDefinition, TopicDescription

_GRACE_SECONDS: Final = 2.0  # beyond the request's own time-out, which the library keeps by itself


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker says of its cluster; `brokers` are `host:port`."""

    cluster_id: str
    brokers: tuple[str, ...]


class KafkaAdmin:
    """An administrator's client. One thread at a time.

    Parameters
    ----------
    settings : KafkaSettings
    timeout_seconds : float
        Limit of every request.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(self, settings: KafkaSettings, *, timeout_seconds: float = 10.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._bootstrap_servers = settings.bootstrap_servers
        self._heard: list[BrokerError] = []
        config = configuration(properties.admin(settings))
        config["error_cb"] = self._on_error
        with refused_as_settings("administrator"):
            self._client = AdminClient(config)

    def cluster(self) -> Cluster:
        """Ask who is there.

        Raises
        ------
        BrokerError
            No broker answers (the message says what was last heard), or it refuses us.
        """
        metadata = self._metadata()
        brokers = tuple(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
        return Cluster(cluster_id=str(metadata.cluster_id), brokers=tuple(sorted(brokers)))

    def describe(self, names: Sequence[str]) -> dict[str, TopicDescription]:
        """Describe the topics that exist; the others are left out.

        Raises
        ------
        BrokerError
            No broker answers, or it refuses us.
        """
        topics = self._metadata().topics
        existing = [name for name in names if name in topics and topics[name].error is None]
        configs = self._configs(existing)
        return {name: _description(topics[name], config=configs[name]) for name in existing}

    def create(self, definition: TopicDefinition) -> None:
        """Create a topic.

        Raises
        ------
        BrokerError
            `code="TOPIC_ALREADY_EXISTS"`, or the broker does not answer or refuses.
        """
        topic = NewTopic(
            definition.name,
            num_partitions=definition.partitions,
            replication_factor=-1 if definition.replication is None else definition.replication,
            config=dict(definition.config),
        )
        seconds = self._timeout_seconds
        doing = f"create topic {definition.name!r}"
        with translated(doing):
            futures = self._client.create_topics([topic], request_timeout=seconds, operation_timeout=seconds)
            self._result(futures[definition.name])

    def delete(self, name: str) -> None:
        """Delete a topic and all that is in it.

        Raises
        ------
        BrokerError
            The topic is missing, or the broker does not answer or refuses.
        """
        seconds = self._timeout_seconds
        with translated(f"delete topic {name!r}"):
            futures = self._client.delete_topics([name], request_timeout=seconds, operation_timeout=seconds)
            self._result(futures[name])

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        with translated("read the topics' configuration"):
            futures = self._client.describe_configs(resources, request_timeout=self._timeout_seconds)
            entries = {resource.name: self._result(future) for resource, future in futures.items()}
        return {
            name: {key: str(entry.value) for key, entry in found.items()} for name, found in entries.items()
        }

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self._timeout_seconds + _GRACE_SECONDS)
        except TimeoutError as exc:
            raise BrokerError("the broker did not answer in time", code="_TIMED_OUT", retriable=True) from exc

    def _metadata(self) -> ClusterMetadata:
        self._heard.clear()
        try:
            with translated(f"reach the broker: bootstrap_servers={self._bootstrap_servers!r}"):
                return self._client.list_topics(timeout=self._timeout_seconds)
        except BrokerError as exc:
            self._client.poll(0)  # delivers what error_cb was to hear
            if not self._heard:
                raise
            heard = next((error for error in self._heard if error.is_authorization), self._heard[-1])
            code = heard.code if heard.is_authorization else exc.code
            raise BrokerError(f"{exc}; last heard: {heard}", code=code) from exc

    def _on_error(self, error: ck.KafkaError) -> None:
        self._heard.append(broker_error(error, doing="connect"))


def _description(topic: TopicMetadata, *, config: dict[str, str]) -> TopicDescription:
    replicas = [len(partition.replicas) for partition in topic.partitions.values()]
    return TopicDescription(
        name=str(topic.topic),
        partitions=len(topic.partitions),
        replication=min(replicas, default=0),
        config=config,
    )
