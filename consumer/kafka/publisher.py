"""Turns single records into delivered messages, without transactions: what submits uploads."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord
from consumer.kafka import properties
from consumer.kafka.translate import broker_error, configuration, refused_as_settings, translated
from consumer.ports import BrokerError, DeliveryCallback
from consumer.topic_settings import TopicSettings

_FULL_QUEUE_SECONDS: Final = 0.1


class Publisher:
    """A plain idempotent producer; a context manager. One thread at a time.

    Parameters
    ----------
    settings : KafkaSettings
    topics : TopicSettings, optional
        Its `max_message_bytes` bounds the records.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(self, settings: KafkaSettings, *, topics: TopicSettings | None = None) -> None:
        config = configuration(properties.publisher(settings, topics or TopicSettings()))
        config["error_cb"] = self._on_error
        self._trouble: BrokerError | None = None
        with refused_as_settings("producer"):
            self._client = ck.Producer(config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, record: OutputRecord, *, on_delivery: DeliveryCallback | None = None) -> None:
        """Enqueue a record; blocks only while the local queue is full.

        Parameters
        ----------
        record : OutputRecord
        on_delivery : callable, optional
            Called with None or the error within a later `publish` or `flush`.

        Raises
        ------
        BrokerError
            The record is larger than the settings allow.
        """

        def delivered(error: ck.KafkaError | None, _message: ck.Message) -> None:
            if on_delivery is not None:
                on_delivery(
                    None if error is None else broker_error(error, doing=f"publish to {record.topic}")
                )

        with translated(f"publish to {record.topic}"):
            while True:
                try:
                    self._client.produce(
                        record.topic,
                        value=record.value,
                        key=record.key,
                        headers=list(record.headers),
                        on_delivery=delivered,
                    )
                except BufferError:
                    self._client.poll(_FULL_QUEUE_SECONDS)
                else:
                    break
        self._client.poll(0)

    def flush(self, *, timeout_seconds: float) -> int:
        """Wait until every record was delivered or failed; give the number still outstanding.

        Raises
        ------
        BrokerError
            The broker refuses our credentials.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = deadline - time.monotonic()
            outstanding = self._client.flush(min(max(left, 0.0), 0.2))
            if self._trouble is not None:
                raise self._trouble
            if outstanding == 0 or left <= 0:
                return outstanding

    def close(self) -> None:
        """Drop what was not delivered, without waiting."""
        self._client.purge(in_queue=True, in_flight=True, blocking=False)

    def _on_error(self, error: ck.KafkaError) -> None:
        found = broker_error(error, doing="reach the broker")
        if found.is_authorization:
            self._trouble = found
