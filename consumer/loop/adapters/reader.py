"""Turns a record of any input topic into its announcement and its provenance, by the topic's adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from consumer.jobs import InputRecord
from consumer.loop.adapters.announcement import Adapter, Announcement
from consumer.loop.adapters.bucket_notification import bucket_notification_adapter
from consumer.loop.adapters.cloud_event import cloud_event_adapter
from consumer.loop.adapters.track_uploaded import read_track_uploaded
from consumer.loop.provenance import Provenance, provenance_of_retry, provenance_of_upload
from consumer.topic_settings import AdapterName, TopicSettings

ADAPTERS: Final[Mapping[AdapterName, Callable[[TopicSettings], Adapter]]] = {
    "track_uploaded": lambda _: read_track_uploaded,
    "cloud_event": cloud_event_adapter,
    "bucket_notification": bucket_notification_adapter,
}
"""Makes each adapter by the settings."""


class Reader:
    """Reads each input topic by its adapter, and the retry topics as what we wrote there ourselves."""

    def __init__(self, topics: TopicSettings) -> None:
        self._adapters = {topic: ADAPTERS[name](topics) for topic, name in topics.uploads.items()}

    def read(self, record: InputRecord) -> Announcement:
        """Give what `record` announces.

        Raises
        ------
        EventError
            It cannot be understood.
        """
        return self._adapters.get(record.topic_partition.topic, read_track_uploaded)(record)

    def provenance(self, record: InputRecord) -> Provenance:
        """Give where the record's events come from."""
        if record.topic_partition.topic in self._adapters:
            return provenance_of_upload(record)
        return provenance_of_retry(record)
