"""Turns a seed's choices into the settings of a run and the topics that they name."""

from __future__ import annotations

from random import Random
from typing import Literal

from consumer.config import Settings
from consumer.memory_broker import MemoryBroker


def draw_settings(rng: Random) -> Settings:
    """Give limits so small that a short run meets them all."""
    protocol: Literal["classic", "consumer"] = rng.choice(("classic", "consumer"))
    return Settings.model_validate(
        {
            "kafka": {
                "delivery": rng.choice(("exactly_once", "exactly_once", "exactly_once", "at_least_once")),
                "group_protocol": protocol,
                "session_timeout_seconds": 6.0,
                "max_poll_interval_seconds": 30.0,
                "transaction_timeout_seconds": 5.0,
            },
            "topics": {
                "retries": rng.choice(
                    (
                        [],
                        [{"topic": "retry.a", "delay_seconds": 1.0}],
                        [
                            {"topic": "retry.a", "delay_seconds": 0.5},
                            {"topic": "retry.b", "delay_seconds": 3.0},
                        ],
                    )
                ),
            },
            "worker": {
                "max_in_flight": rng.randint(1, 12),
                "max_in_flight_per_partition": rng.randint(1, 6),
                "max_backlog_per_partition": rng.choice((2, 4, 16)),
                "track_deadline_seconds": 4.0,
                "flush_interval_seconds": rng.choice((0.05, 0.2, 1.0)),
                "flush_records": rng.choice((1, 3, 100)),
                "drain_seconds": 3.0,
                "max_attempts": rng.randint(1, 4),
                "feature_log": rng.choice((False, True)),
            },
        }
    )


def create_topics(broker: MemoryBroker, settings: Settings, rng: Random) -> None:
    """Make the topics, one to three partitions each."""
    topics = settings.topics
    for topic in topics.inputs:
        broker.create_topic(topic, partitions=rng.randint(1, 3))
    # Some labels are larger than this, which the workers' settings do not know.
    broker.create_topic(topics.labels, partitions=rng.randint(1, 2), max_message_bytes=4_000)
    broker.create_topic(topics.dead_letters, max_message_bytes=topics.max_dead_letter_bytes)
    # So are some features, and those are left out.
    broker.create_topic(topics.features, partitions=rng.randint(1, 2), max_message_bytes=1_500)
