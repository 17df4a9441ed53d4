"""Makes plans of replays from the little that matters to a test."""

from __future__ import annotations

from consumer.jobs import TopicPartition
from consumer.kafka import OffsetRange
from consumer.replay.plan import Plan, Terms

TERMS = Terms(source="uploads", model="gtzan57-mlp", version="1.2.3", sha256="ab" * 32, since="7d")


def plan_of(*stops: int, topic: str = "track-uploads", start: int = 0, terms: Terms = TERMS) -> Plan:
    """Give a plan of one topic, a partition for each stop."""
    ranges = {
        TopicPartition(topic, number): OffsetRange(min(start, stop), stop)
        for number, stop in enumerate(stops)
    }
    return Plan("r1", "genrestream.relabel.r1", terms, ranges)
