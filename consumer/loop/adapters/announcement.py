"""Names what an adapter makes of a record: uploads, and reasons for skipping the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consumer.events import TrackUploaded
from consumer.jobs import Headers, InputRecord


@dataclass(frozen=True, slots=True)
class Upload:
    """One event as it was read.

    Attributes
    ----------
    event : TrackUploaded
        What is asked.
    wire : bytes
        The same as a `TrackUploaded` in JSON, which is what a retry topic takes.
    headers : Headers
        What the event's own envelope says beside the record's headers, to be carried with them.
    """

    event: TrackUploaded
    wire: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a record says.

    All or nothing: a record that holds one event which cannot be understood is no announcement, so that
    publishing it again, mended, labels nothing twice.

    Attributes
    ----------
    uploads : tuple of Upload
        Its uploads in order.
    skipped : tuple of str
        Why each of its other events is none of ours: words of a fixed set, for metrics.
    """

    uploads: tuple[Upload, ...]
    skipped: tuple[str, ...] = ()


Adapter = Callable[[InputRecord], Announcement]
"""Raises `consumer.errors.EventError` where the record cannot be understood."""
