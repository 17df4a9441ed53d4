"""Turns a received record into tracks that wait for their turn, or ends it at once where it holds none."""

from __future__ import annotations

from typing import Final, Protocol

from consumer.clock import Clock
from consumer.errors import EventError, UnexpectedError
from consumer.jobs import InputRecord, Ticket
from consumer.loop.adapters import Announcement, Reader
from consumer.loop.outcomes import Case, Outcome, Settler
from consumer.loop.partitions import PartitionState
from consumer.loop.provenance import Provenance
from consumer.topic_settings import TopicSettings

_NO_EVENTS: Final = "no_events"


class RecordReader(Protocol):
    """Says what a record announces: `consumer.loop.adapters.Reader`, or a replay's, which leaves some out."""

    def read(self, record: InputRecord) -> Announcement:
        """Give what `record` announces; raises `EventError` where it cannot be understood."""

    def provenance(self, record: InputRecord) -> Provenance:
        """Give where the record's events come from."""


class Intake:
    """Validates records as they come, so that a bad one costs no credit; Kafka thread only.

    Parameters
    ----------
    topics : TopicSettings
        Adapters and retry delays.
    settler : Settler
        Makes the outcomes of records that hold no track.
    clock : Clock
        Time.
    reader : RecordReader, optional
        Reads the records; by the topics' adapters where null.
    """

    def __init__(
        self, topics: TopicSettings, *, settler: Settler, clock: Clock, reader: RecordReader | None = None
    ) -> None:
        self._reader = reader or Reader(topics)
        self._retry_delays = {retry.topic: retry.delay_seconds for retry in topics.retries}
        self._settler = settler
        self._clock = clock

    def receive(self, state: PartitionState, record: InputRecord) -> None:
        """Queue the record's tracks in `state`, or note its outcome."""
        provenance = self._reader.provenance(record)
        announcement = self._read(record, provenance)
        if isinstance(announcement, Outcome):
            state.tracker.receive(record.offset, n_events=1)
            state.end(Ticket(state.topic_partition, state.epoch, record.offset, 0), announcement)
            return
        uploads, skipped = announcement.uploads, announcement.skipped
        state.tracker.receive(record.offset, n_events=len(uploads) + len(skipped))
        state.hold(record, uploads, provenance=provenance, due=self._due(record, provenance))
        for index, why in enumerate(skipped, start=len(uploads)):
            skip = self._settler.skip(Case(record, provenance, upload=None), why)
            state.end(Ticket(state.topic_partition, state.epoch, record.offset, index), skip)

    def _read(self, record: InputRecord, provenance: Provenance) -> Announcement | Outcome:
        case = Case(record, provenance, upload=None)
        try:
            announcement = self._reader.read(record)
        except EventError as exc:
            return self._settler.settle(case, exc)
        except Exception as exc:  # noqa: BLE001 - a bug met on one message must not stop every worker
            return self._settler.settle(case, UnexpectedError(f"{type(exc).__name__}: {exc}"))
        if announcement.uploads or announcement.skipped:
            return announcement
        return self._settler.skip(case, _NO_EVENTS)

    def _due(self, record: InputRecord, provenance: Provenance) -> float:
        """Monotonic seconds; a forged or skewed not-before holds no longer than its topic's delay."""
        longest = self._retry_delays.get(record.topic_partition.topic, 0.0)
        wait_seconds = min(provenance.not_before - self._clock.wall(), longest)
        return self._clock.monotonic() + wait_seconds
