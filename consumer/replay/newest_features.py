"""Turns ranges of the feature log into the places of each track's newest record, which are to be labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from consumer.config import KafkaSettings
from consumer.errors import EventError
from consumer.feature_reading import read_uploaded_at
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import OffsetRange, RangeReader
from consumer.replay.newest import Chosen, NewestPerTrack
from consumer.replay.selection import places_of

_BATCH_RECORDS: Final = 2_000
_LEAST: Final = -(1 << 63)
"""Older than any upload: what cannot be read is chosen, and so dead-lettered, where nothing else is."""


def newest_features(
    kafka: KafkaSettings,
    ranges: Mapping[TopicPartition, OffsetRange],
    *,
    on_read: Callable[[int], bool] = lambda _: True,
) -> Chosen | None:
    """Find the newest record of each track: the greatest `uploaded_at`, of equal ones the last; keys only.

    A tombstone is no record. What cannot be read counts as the oldest: alone it is chosen, and dead-lettered.

    Parameters
    ----------
    kafka : KafkaSettings
        The broker.
    ranges : Mapping of TopicPartition to OffsetRange
        What is looked through.
    on_read : callable
        Told how many records were passed; False from it ends the search, which then gives None.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses us.
    """
    places, newest = places_of(ranges), NewestPerTrack()
    with RangeReader(kafka, ranges) as reader:
        while not reader.finished:
            records = reader.poll_batch(_BATCH_RECORDS)
            for record in records:
                if record.value is not None:
                    place = places.place(record.topic_partition, record.offset)
                    newest.add(_name_of(record), (_uploaded_at(record),), place)
            if not on_read(len(records)):
                return None
    return Chosen(newest.places())


def _name_of(record: InputRecord) -> str:
    # Bytes of any kind, one name each: what is damaged may have any key.
    return (record.key or b"").decode(errors="surrogateescape")


def _uploaded_at(record: InputRecord) -> int:
    try:
        return read_uploaded_at(record.value)
    except EventError:
        return _LEAST
