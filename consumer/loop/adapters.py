"""Turns one record of an input topic into the uploads it announces, or into the reason for skipping it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from consumer.events import TrackUploaded, decode_upload
from consumer.jobs import InputRecord
from consumer.loop.provenance import Provenance, provenance_of_retry, provenance_of_upload
from consumer.topic_settings import AdapterName, TopicSettings


@dataclass(frozen=True, slots=True)
class Upload:
    """One event and its bytes as a `TrackUploaded` in JSON, which is what a retry topic takes."""

    event: TrackUploaded
    wire: bytes


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a record says: its uploads in order, or why it holds none."""

    uploads: tuple[Upload, ...]
    skip_reason: str | None = None


Adapter = Callable[[InputRecord], Announcement]
"""Raises `consumer.errors.EventError` where the record cannot be understood."""


def read_track_uploaded(record: InputRecord) -> Announcement:
    """Read one `TrackUploaded`; its bytes are carried as they came, unknown fields and all.

    Raises
    ------
    EventError
        The value is not a `TrackUploaded` of a known schema version.
    """
    return Announcement((Upload(decode_upload(record.value), record.value or b""),))


ADAPTERS: Final[Mapping[AdapterName, Adapter]] = {"track_uploaded": read_track_uploaded}


class Reader:
    """Reads each input topic by its adapter, and the retry topics as what we wrote there ourselves."""

    def __init__(self, topics: TopicSettings) -> None:
        self._adapters = {topic: ADAPTERS[name] for topic, name in topics.uploads.items()}

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
