"""Turns a `TrackUploaded` in JSON into the upload that it is."""

from __future__ import annotations

from consumer.events import decode_upload
from consumer.jobs import InputRecord
from consumer.loop.adapters.announcement import Announcement, Upload


def read_track_uploaded(record: InputRecord) -> Announcement:
    """Read one `TrackUploaded`; its bytes are carried as they came, unknown fields and all.

    Raises
    ------
    EventError
        The value is not a `TrackUploaded` of a known schema version.
    """
    return Announcement((Upload(decode_upload(record.value), record.value or b""),))
