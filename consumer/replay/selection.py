"""Turns the records of a replay into the uploads that are to be labelled: all, or each track's newest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consumer.config import Settings
from consumer.errors import EventError
from consumer.jobs import InputRecord, TopicPartition
from consumer.loop.adapters import Announcement, Reader
from consumer.loop.provenance import Provenance
from consumer.replay.newest import Chosen, NewestPerTrack, Places
from consumer.replay.range_consumer import RangeEnd

if TYPE_CHECKING:
    from consumer.kafka import OffsetRange

SUPERSEDED: Final = "superseded"
"""Why an upload was left out: the range holds a newer one of its track."""
RANGE_END: Final = "range_end"
"""Why a record that stands for the end of a range holds no upload."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_SECONDS: Final = 1.0
_BATCH_RECORDS: Final = 2_000

OnRead = Callable[[int], bool]
"""Told how many offsets were passed; False from it ends the reading."""


class Selection:
    """Reads a replay's records by the topics' adapters and leaves out what is superseded: a `RecordReader`.

    Parameters
    ----------
    reader : Reader
        Of the topics.
    replay_id : str
        Names the replay.
    places : Places
        Of the plan's ranges.
    chosen : Chosen or None
        The events that are to be labelled; all where null.
    """

    def __init__(self, reader: Reader, *, replay_id: str, places: Places, chosen: Chosen | None) -> None:
        self._reader = reader
        self._replay_id = replay_id
        self._places = places
        self._chosen = chosen

    def read(self, record: InputRecord) -> Announcement:
        """Give what `record` announces and is to be labelled.

        Raises
        ------
        EventError
            It cannot be understood.
        """
        if isinstance(record, RangeEnd):
            return Announcement((), (RANGE_END,))
        announcement = self._reader.read(record)
        if self._chosen is None or not announcement.uploads:
            return announcement
        place_of = self._places.place
        kept = tuple(
            upload
            for index, upload in enumerate(announcement.uploads)
            if place_of(record.topic_partition, record.offset, event_index=index) in self._chosen
        )
        superseded = (SUPERSEDED,) * (len(announcement.uploads) - len(kept))
        return Announcement(kept, (*announcement.skipped, *superseded))

    def provenance(self, record: InputRecord) -> Provenance:
        """Give where the record's events come from, and the replay."""
        return replace(self._reader.provenance(record), replay_id=self._replay_id)

    def tracks_of(self, record: InputRecord) -> int:
        """Count the tracks of a record for the pace: 1 for whatever cannot be told without reading it."""
        if self._chosen is None:
            return 1
        first = self._places.place(record.topic_partition, record.offset)
        return self._chosen.count(first, self._places.place(record.topic_partition, record.offset + 1))


def newest_uploads(
    settings: Settings, ranges: Mapping[TopicPartition, OffsetRange], *, on_read: OnRead
) -> Chosen | None:
    """Read the ranges through, no audio, and find each track's newest upload; None where it was ended.

    The newest has the greatest `uploaded_at`; of equal ones the greatest partition and offset. What cannot be
    understood is nobody's upload.

    Parameters
    ----------
    settings : Settings
        Broker, and the topics' adapters.
    ranges : Mapping of TopicPartition to OffsetRange
        Of the plan.
    on_read : callable
        Told of the progress.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses us.
    """
    from consumer.kafka import RangeReader  # noqa: PLC0415 - librdkafka: not before the children's server is there

    reader, places, newest = Reader(settings.topics), places_of(ranges), NewestPerTrack()
    with RangeReader(settings.kafka, ranges) as records:
        before = sum(records.position().values())
        while not records.finished:
            for record in records.poll_batch(_BATCH_RECORDS, _POLL_SECONDS):
                note(record, reader=reader, places=places, newest=newest)
            after = sum(records.position().values())
            if not on_read(after - before):
                return None
            before = after
    return Chosen(newest.places())


def places_of(ranges: Mapping[TopicPartition, OffsetRange]) -> Places:
    """Give numbers to the events of a plan's ranges."""
    return Places({partition: span.start for partition, span in ranges.items()})


def note(record: InputRecord, *, reader: Reader, places: Places, newest: NewestPerTrack) -> None:
    """Add a record's uploads to those of which the newest are wanted."""
    try:
        uploads = reader.read(record).uploads
    except EventError:
        return
    for index, upload in enumerate(uploads):
        place = places.place(record.topic_partition, record.offset, event_index=index)
        # A key whose spelling is not known is told from others by how it is spelled, whichever way that was.
        told = upload.event.otherwise or upload.event
        newest.add(told.track_id, (microseconds(upload.event.uploaded_at),), place)


def microseconds(moment: datetime) -> int:
    """Give a moment as whole microseconds since the epoch: exact, and in the order of time."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
