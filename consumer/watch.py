"""Turns the label and dead-letter topics into what became of each track, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import structlog
from pydantic import ValidationError

from consumer.config import Settings
from consumer.errors import ConsumerError
from consumer.events import TrackLabelled, decode_upload
from consumer.jobs import InputRecord
from consumer.kafka import Start, TopicReader
from consumer.loop.provenance import is_marker
from consumer.ports import BrokerError

_POLL_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 10.0
"""For finding the topics at the start."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be labelled, as its dead letter's headers tell.

    Attributes
    ----------
    event_id, track_id : str or None
        Of the upload; null where it could not be read.
    reason, message : str
        Why the last attempt failed.
    attempts : int
        Deliveries made.
    topic, partition, offset
        Where the upload first arrived.
    """

    event_id: str | None
    track_id: str | None
    reason: str
    message: str
    attempts: int
    topic: str
    partition: int
    offset: int

    @property
    def problem(self) -> str:
        """Why, in one line."""
        return f"{self.reason}: {' '.join(self.message.split())}"

    def to_json(self) -> dict[str, Any]:
        """Give the object that `watch --json` prints."""
        return {
            "event_id": self.event_id,
            "track_id": self.track_id,
            "error": {"reason": self.reason, "message": self.message},
            "attempts": self.attempts,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
        }


Ended = TrackLabelled | DeadLetter


def read_dead_letter(record: InputRecord) -> DeadLetter:
    """Read a dead letter; a header of the upload's own that shares a name stands before ours and loses."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    event_id, track_id = (
        headers.get("event-id"),
        record.key.decode("utf-8", "replace") if record.key else None,
    )
    try:
        upload = decode_upload(record.value)
        event_id, track_id = upload.event_id, upload.track_id
    except ConsumerError:
        # Being unreadable may be the very reason of this dead letter; the key says which track then.
        pass
    return DeadLetter(
        event_id=event_id,
        track_id=track_id,
        reason=headers.get("reason", "unknown"),
        message=headers.get("error-message", ""),
        attempts=_number(headers.get("attempts"), default=1),
        topic=headers.get("topic", record.topic_partition.topic),
        partition=_number(headers.get("partition"), default=record.topic_partition.partition),
        offset=_number(headers.get("offset"), default=record.offset),
    )


class Watcher:
    """Follows committed labels and, where asked, dead letters; a context manager. One thread at a time.

    What is published after the constructor returned is seen.

    Parameters
    ----------
    settings : Settings
        Broker and topics.
    start : Start
        From the beginning of the topics or from now.
    dead_letters : bool
        Whether dead letters are followed too.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    BrokerError
        The broker cannot be reached, or a topic is missing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        start: Start,
        dead_letters: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        topics = [settings.topics.labels, *([settings.topics.dead_letters] if dead_letters else [])]
        self._dead_letters_topic = settings.topics.dead_letters
        self._clock = clock
        self._reader = TopicReader(settings.kafka, topics, start=start, timeout_seconds=_PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def poll(self, timeout_seconds: float) -> Ended | None:
        """Give what ended next, or None after the time-out.

        Raises
        ------
        BrokerError
            The broker refuses us, or the topic is gone.
        """
        try:
            record = self._reader.poll(timeout_seconds)
        except BrokerError as exc:
            if not exc.retriable:
                raise
            _log.warning("broker trouble", code=exc.code, error=str(exc))
            return None
        return None if record is None else self._read(record)

    def follow(self, *, count: int | None = None, timeout_seconds: float | None = None) -> Iterator[Ended]:
        """Give what ends, up to a number and for so long at most; for ever where neither is given."""
        deadline = None if timeout_seconds is None else self._clock() + timeout_seconds
        seen = 0
        while count is None or seen < count:
            left = _POLL_SECONDS if deadline is None else min(_POLL_SECONDS, deadline - self._clock())
            if left <= 0:
                return
            ended = self.poll(left)
            if ended is not None:
                seen += 1
                yield ended

    def _read(self, record: InputRecord) -> Ended | None:
        if record.topic_partition.topic == self._dead_letters_topic:
            return None if is_marker(record) else read_dead_letter(record)
        try:
            return TrackLabelled.model_validate_json(record.value or b"")
        except ValidationError as exc:
            _log.warning(
                "a record is no TrackLabelled",
                topic=record.topic_partition.topic,
                partition=record.topic_partition.partition,
                offset=record.offset,
                error=exc.errors(include_url=False)[0]["msg"],
            )
            return None


def _number(text: str | None, *, default: int) -> int:
    return int(text) if text is not None and text.lstrip("-").isdecimal() else default
