"""Turns the log of all results into the current label of each track, whatever the order of its offsets.

The current label has the greatest `(uploaded_at, labelled_at, result_id)`: a late retry, a redrive or a
replay of an older upload comes after the newer label and does not take its place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from consumer.config import KafkaSettings
from consumer.events import Status, TrackLabelled
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import OffsetRange, RangeReader
from consumer.replay.newest import Chosen, NewestPerTrack
from consumer.replay.selection import microseconds, places_of
from consumer.tables_file import Column

_BATCH_RECORDS: Final = 2_000
_POLL_SECONDS: Final = 1.0
_ID_CHARACTERS: Final = 7
"""Of a result's id, for its place among equals: two results of one track share them once in 268 million."""

LABEL_COLUMNS: Final = (
    Column("track_id", "text"),
    Column("status", "text"),
    Column("genre", "text"),
    Column("confidence", "float64"),
    Column("agreement", "float64"),
    Column("windows", "integer"),
    Column("abstain_reason", "text"),
    Column("genres", "text"),
    Column("declared_genre", "text"),
    Column("declared_agrees", "boolean"),
    Column("duration_seconds", "float64"),
    Column("codec", "text"),
    Column("warnings", "text"),
    Column("model", "text"),
    Column("model_version", "text"),
    Column("features", "text"),
    Column("uploaded_at", "moment"),
    Column("labelled_at", "moment"),
    Column("replay_id", "text"),
    Column("event_id", "text"),
    Column("result_id", "text"),
)
"""Columns of `label_row`: `genres` is a JSON object of all probabilities, `warnings` are parted by spaces."""

Row = dict[str, Any]
OnRead = Callable[[int], None]


class _Times(BaseModel):
    model_config = ConfigDict(extra="ignore")

    uploaded_at: AwareDatetime
    labelled_at: AwareDatetime


class _Standing(BaseModel):
    """What of a label decides whether it is the current one: the rest is not looked at the first time."""

    model_config = ConfigDict(extra="ignore")

    track_id: str
    result_id: str
    timing: _Times


class CurrentLabels:
    """Reads ranges of the label topic twice: for each track's current label, and then those labels.

    Memory is about 60 bytes a track. One thread at a time; to iterate blocks on the broker.

    Parameters
    ----------
    kafka : KafkaSettings
        The broker.
    ranges : Mapping of TopicPartition to OffsetRange
        What is read, as `find_ranges` gives it.
    statuses : collection of Status
        Which current labels are given. A track whose current label has another status has none: its older
        ones are never taken instead.
    on_read : callable
        Told how many offsets were passed; all of the ranges twice.

    Attributes
    ----------
    counts : Counter of str
        Records by what became of them: `current`, `superseded`, `other_status`, `unreadable`.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        ranges: Mapping[TopicPartition, OffsetRange],
        *,
        statuses: Collection[Status] = tuple(Status),
        on_read: OnRead = lambda _: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._kafka = kafka
        self._ranges = ranges
        self._statuses = statuses
        self._on_read = on_read
        self._unranked = 0

    def __iter__(self) -> Iterator[TrackLabelled]:
        """Give the current labels, in order of their partitions and offsets.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        """
        places, chosen = places_of(self._ranges), self._choose()
        for record in self._records():
            if places.place(record.topic_partition, record.offset) not in chosen:
                self.counts["superseded"] += 1
                continue
            try:
                label = TrackLabelled.model_validate_json(record.value or b"")
            except ValidationError:
                self.counts["unreadable"] += 1
                continue
            if label.status not in self._statuses:
                self.counts["other_status"] += 1
                continue
            self.counts["current"] += 1
            yield label
        # What could not even be ranked was never chosen, and is no older label of anything.
        self.counts["superseded"] -= self._unranked
        self.counts["unreadable"] += self._unranked

    def _choose(self) -> Chosen:
        places, newest = places_of(self._ranges), NewestPerTrack()
        self._unranked = 0
        for record in self._records():
            try:
                standing = _Standing.model_validate_json(record.value or b"")
            except ValidationError:
                self._unranked += 1
                continue
            place = places.place(record.topic_partition, record.offset)
            newest.add(standing.track_id, _rank(standing.timing, standing.result_id), place)
        return Chosen(newest.places())

    def _records(self) -> Iterator[InputRecord]:
        with RangeReader(self._kafka, self._ranges) as reader:
            before = sum(reader.position().values())
            while not reader.finished:
                yield from reader.poll_batch(_BATCH_RECORDS, _POLL_SECONDS)
                after = sum(reader.position().values())
                self._on_read(after - before)
                before = after


def label_row(label: TrackLabelled) -> Row:
    """Give a label as a row of `LABEL_COLUMNS`."""
    declared = label.declared
    return {
        "track_id": label.track_id,
        "status": label.status.value,
        "genre": label.genre,
        "confidence": label.confidence,
        "agreement": label.windows.agreement,
        "windows": label.windows.count,
        "abstain_reason": label.abstain_reason,
        "genres": json.dumps({share.genre: share.probability for share in label.genres}),
        "declared_genre": declared.genre if declared else None,
        "declared_agrees": declared.agrees if declared else None,
        "duration_seconds": label.audio.duration_seconds,
        "codec": label.audio.codec,
        "warnings": " ".join(label.audio.warnings),
        "model": label.model.name,
        "model_version": label.model.version,
        "features": label.model.features,
        "uploaded_at": label.timing.uploaded_at,
        "labelled_at": label.timing.labelled_at,
        "replay_id": label.replay_id,
        "event_id": label.event_id,
        "result_id": label.result_id,
    }


def _rank(times: _Times, result_id: str) -> tuple[int, int, int]:
    return (microseconds(times.uploaded_at), microseconds(times.labelled_at), _ordinal(result_id))


def _ordinal(result_id: str) -> int:
    """Give a number that orders ids as their text does, as far as their first characters go."""
    return int.from_bytes(result_id.encode()[:_ID_CHARACTERS].ljust(_ID_CHARACTERS, b"\0"), "big")
