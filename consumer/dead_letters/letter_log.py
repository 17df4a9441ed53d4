"""Turns the dead-letter topic into its letters, and its markers into which of them were redriven."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from consumer.config import KafkaSettings, Settings
from consumer.dead_letters.letter import Letter, LetterPlace, read_letter
from consumer.dead_letters.selection import Selection
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import OffsetRange, RangeReader, find_ranges
from consumer.loop.adapters import Reader
from consumer.loop.provenance import REDRIVEN, is_marker

OnRead = Callable[[int], None]

_BATCH_RECORDS: Final = 500
_POLL_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 30.0


class LetterLog:
    """What stands in the dead-letter topic at one moment; one thread, to read blocks on the broker.

    An open transaction of a worker, or of a redrive that was killed, is waited for: behind it may stand
    markers that are committed already.

    Parameters
    ----------
    settings : Settings
        Broker and topics.
    selection : Selection
        Which letters are given.

    Raises
    ------
    BrokerError
        The broker does not answer, refuses us, or lacks the topic.
    """

    def __init__(self, settings: Settings, selection: Selection) -> None:
        self._kafka = settings.kafka
        self._selection = selection
        self._reader = Reader(settings.topics)
        topics = [settings.topics.dead_letters]
        # To the very end: to what only committed readers see, the end is where the first open transaction is.
        self._whole = find_ranges(_uncommitted(settings.kafka), topics, timeout_seconds=_TIMEOUT_SECONDS)
        self._ranges = self._whole
        if selection.since is not None or selection.until is not None:
            bounded = find_ranges(
                _uncommitted(settings.kafka),
                topics,
                since=selection.since,
                until=selection.until,
                timeout_seconds=_TIMEOUT_SECONDS,
            )
            self._ranges = _within(bounded, self._whole)
        if selection.places:
            self._ranges = _covering(self._ranges, selection.places)

    @property
    def offsets(self) -> int:
        """How many offsets `letters` passes."""
        return sum(map(len, self._whole.values())) + sum(map(len, self._ranges.values()))

    def letters(self, *, on_read: OnRead = lambda _: None) -> Iterator[Letter]:
        """Give the letters that are meant, in the order of each partition; `on_read` hears of passed offsets.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        """
        marked = self._marked(on_read)
        for record in self._records(self._ranges, on_read):
            if is_marker(record):
                continue
            place = LetterPlace(record.topic_partition.partition, record.offset)
            letter = read_letter(record, reader=self._reader, redriven=str(place) in marked)
            if letter in self._selection:
                yield letter

    def _marked(self, on_read: OnRead) -> set[str]:
        """Give the places of which a marker says that they were redriven."""
        return {
            (dict(record.headers)[REDRIVEN] or b"").decode("utf-8", "replace")
            for record in self._records(self._whole, on_read)
            if is_marker(record)
        }

    def _records(self, ranges: dict[TopicPartition, OffsetRange], on_read: OnRead) -> Iterator[InputRecord]:
        patience = _TIMEOUT_SECONDS + self._kafka.transaction_timeout_seconds
        with RangeReader(self._kafka, ranges, timeout_seconds=patience) as reader:
            before = sum(reader.position().values())
            while not reader.finished:
                yield from reader.poll_batch(_BATCH_RECORDS, _POLL_SECONDS)
                after = sum(reader.position().values())
                on_read(after - before)
                before = after


def _uncommitted(kafka: KafkaSettings) -> KafkaSettings:
    isolation = {**kafka.consumer_properties, "isolation.level": "read_uncommitted"}
    return kafka.model_copy(update={"consumer_properties": isolation})


def _within(
    bounded: dict[TopicPartition, OffsetRange], whole: dict[TopicPartition, OffsetRange]
) -> dict[TopicPartition, OffsetRange]:
    """Cut ranges to what was there a moment before them: of later letters no marker was looked for."""
    return {
        partition: OffsetRange(min(span.start, whole[partition].stop), min(span.stop, whole[partition].stop))
        for partition, span in bounded.items()
        if partition in whole
    }


def _covering(
    ranges: dict[TopicPartition, OffsetRange], places: frozenset[LetterPlace]
) -> dict[TopicPartition, OffsetRange]:
    """Narrow ranges to the stretch of each partition in which all the places lie."""
    offsets: dict[int, list[int]] = {}
    for place in places:
        offsets.setdefault(place.partition, []).append(place.offset)
    narrowed = {}
    for partition, span in ranges.items():
        wanted = [one for one in offsets.get(partition.partition, ()) if span.start <= one < span.stop]
        narrowed[partition] = OffsetRange(min(wanted), max(wanted) + 1) if wanted else OffsetRange(0, 0)
    return narrowed
