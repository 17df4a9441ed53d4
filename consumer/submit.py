"""Turns upload events into delivered messages on the upload topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from consumer.config import Settings
from consumer.errors import SettingsError
from consumer.events import TrackUploaded
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher
from consumer.ports import BrokerError
from consumer.topic_settings import TopicSettings


@dataclass(frozen=True, slots=True)
class Submitted:
    """How one event ended at the broker; `error` is None where it was delivered."""

    upload: TrackUploaded
    topic: str
    error: BrokerError | None


def upload_topic(topics: TopicSettings) -> str:
    """Give the first input topic that takes our own events.

    Raises
    ------
    SettingsError
        No input topic does.
    """
    for topic, adapter in topics.uploads.items():
        if adapter == "track_uploaded":
            return topic
    raise SettingsError(
        "no upload topic takes TrackUploaded events: add one with adapter track_uploaded to topics.uploads"
    )


def upload_record(upload: TrackUploaded, *, topic: str) -> OutputRecord:
    """Give the message of an event: its track's id is the key, so that a track's events stay in order."""
    value = upload.model_dump_json(exclude_none=True).encode()
    return OutputRecord(topic=topic, key=upload.track_id.encode(), value=value)


class Submitter:
    """Publishes events and tells how each ended; a context manager. One thread at a time.

    Parameters
    ----------
    settings : Settings
        Broker and topics.
    on_end : callable, optional
        Hears each event's end within a later `submit` or `finish`.

    Raises
    ------
    SettingsError
        No upload topic takes our events, or librdkafka refuses a property.
    """

    def __init__(self, settings: Settings, *, on_end: Callable[[Submitted], None] | None = None) -> None:
        self.topic = upload_topic(settings.topics)
        self.ended: list[Submitted] = []
        self._on_end = on_end
        self._waiting: dict[str, TrackUploaded] = {}
        self._publisher = Publisher(settings.kafka, topics=settings.topics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._publisher.close()

    def submit(self, upload: TrackUploaded) -> None:
        """Send one event on its way.

        Raises
        ------
        BrokerError
            The broker refuses our credentials.
        """
        self._waiting[upload.event_id] = upload
        try:
            self._publisher.publish(
                upload_record(upload, topic=self.topic),
                on_delivery=lambda error: self._end(upload.event_id, error),
            )
        except BrokerError as exc:
            if exc.is_authorization:
                raise
            self._end(upload.event_id, exc)

    def finish(self, *, timeout_seconds: float) -> None:
        """Wait until every event has ended; what has not by then ends as a time-out.

        Raises
        ------
        BrokerError
            The broker refuses our credentials.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._waiting and self._publisher.flush(timeout_seconds=max(deadline - time.monotonic(), 0.0)):
            if time.monotonic() >= deadline:
                break
        for event_id in list(self._waiting):
            message = f"not delivered within {timeout_seconds:g} s: is a broker there? try: genrestream check"
            self._end(event_id, BrokerError(message, code="_MSG_TIMED_OUT", retriable=True))

    def _end(self, event_id: str, error: BrokerError | None) -> None:
        upload = self._waiting.pop(event_id, None)
        if upload is None:
            return
        ended = Submitted(upload, self.topic, error)
        self.ended.append(ended)
        if self._on_end is not None:
            self._on_end(ended)


def submit_all(
    uploads: Iterable[TrackUploaded],
    *,
    settings: Settings,
    timeout_seconds: float,
    on_end: Callable[[Submitted], None] | None = None,
) -> list[Submitted]:
    """Publish events and wait for all of them, in the order in which the broker took them.

    Raises
    ------
    BrokerError
        The broker refuses our credentials.
    SettingsError
        As `Submitter` does.
    """
    with Submitter(settings, on_end=on_end) as submitter:
        for upload in uploads:
            submitter.submit(upload)
        submitter.finish(timeout_seconds=timeout_seconds)
        return submitter.ended
