"""Turns settings into the topics of the service: their names, sizes and the adapters that read them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from consumer.settings_section import Section

AdapterName = Literal["track_uploaded", "cloud_event", "bucket_notification"]


class RetryTopic(Section):
    """A topic of events that wait `delay_seconds` before their next attempt."""

    topic: str
    delay_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TopicSettings(Section):
    """Names, sizes and adapters of the topics."""

    uploads: dict[str, AdapterName] = Field(default={"track-uploads": "track_uploaded"}, min_length=1)
    """Input topics, each with the adapter that reads its messages."""
    object_keys: Literal["auto", "encoded", "literal"] = "auto"
    """How bucket notifications spell keys: URL-encoded as AWS and MinIO do, or as they are, as Versity does.

    `auto` takes what the message itself gives away, else the decoded key, and the literal one where nothing
    is stored under that.
    """
    cloud_event_types: tuple[str, ...] = ()
    """Types of CloudEvents that are uploads; others are skipped and counted. Empty: every type is one."""
    labels: str = "track-labels"
    dead_letters: str = "track-uploads.dlq"
    features: str = "track-features"
    """The feature log, where the worker keeps one."""
    retries: tuple[RetryTopic, ...] = (
        RetryTopic(topic="track-uploads.retry.30s", delay_seconds=30.0),
        RetryTopic(topic="track-uploads.retry.5m", delay_seconds=300.0),
        RetryTopic(topic="track-uploads.retry.1h", delay_seconds=3_600.0),
    )
    """Visited in this order by an event that keeps failing, then the dead-letter topic."""
    max_message_bytes: Annotated[int, Field(ge=1)] = 1_048_588
    """Kafka's default `max.message.bytes`, of every topic but the dead letters' (64 KiB more)."""

    max_feature_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024
    """`max.message.bytes` of the feature log: by default 18,000 windows of 57 features, 15 hours of audio."""

    @property
    def max_dead_letter_bytes(self) -> int:
        """The dead-letter topic's `max.message.bytes`: the largest upload and its headers fit."""
        return self.max_message_bytes + 64 * 1024

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every topic that a worker consumes."""
        return (*self.uploads, *(retry.topic for retry in self.retries))

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [*self.inputs, self.labels, self.dead_letters, self.features]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"topics must differ, repeated: {', '.join(sorted(repeated))}")
        return self
