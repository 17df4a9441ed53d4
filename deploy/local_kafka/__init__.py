"""Runs a real single-node Apache Kafka on loopback, from jars that Maven fetches once."""

from deploy.local_kafka.broker import LocalKafka
from deploy.local_kafka.jars import LocalKafkaError, missing_tools

__all__ = ["LocalKafka", "LocalKafkaError", "missing_tools"]
