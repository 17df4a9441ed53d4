"""Turns confluent_kafka's Producer into a `ProducerPort`: records, offsets and transactions of one worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import confluent_kafka as ck

from consumer.config import KafkaSettings
from consumer.jobs import OutputRecord, TopicPartition
from consumer.kafka import properties
from consumer.kafka.bounded import call_within
from consumer.kafka.translate import (
    broker_error,
    configuration,
    refused_as_settings,
    translated,
    with_offsets,
)
from consumer.ports import BrokerError, DeliveryCallback, GroupMetadata
from consumer.topic_settings import TopicSettings

_OVERRUN_SECONDS: Final = 2.0
"""librdkafka 2.16 ignores the time-out of `send_offsets_to_transaction` while it waits for a coordinator that
has gone (its issues 5456 and 5511): for ever at worst, and the Kafka thread with it."""


class KafkaProducer:
    """The worker's producer; see `ProducerPort`. Touched by one thread only.

    Parameters
    ----------
    settings : KafkaSettings
        Its delivery says whether there are transactions.
    topics : TopicSettings
        Its sizes bound the messages.
    notes : Mapping of TopicPartition to str, optional
        Texts that are committed with the offsets of these partitions, each time anew: a commit without one
        wipes the last one out.

    Raises
    ------
    SettingsError
        librdkafka refuses a property.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        topics: TopicSettings,
        notes: Mapping[TopicPartition, str] | None = None,
    ) -> None:
        self._notes = dict(notes or {})
        self._trouble: BrokerError | None = None
        config = configuration(properties.worker_producer(settings, topics))
        config["error_cb"] = self._on_error
        with refused_as_settings("producer"):
            self._client = ck.Producer(config)

    def init_transactions(self, *, timeout_seconds: float) -> None:
        """Register the transactional.id, fencing and aborting what an earlier holder left open."""
        try:
            with translated("register the transactional.id"):
                self._client.init_transactions(timeout_seconds)
        except BrokerError:
            self._raise_trouble()
            raise

    def begin_transaction(self) -> None:
        """Open a transaction."""
        with translated("begin a transaction"):
            self._client.begin_transaction()

    def produce(self, record: OutputRecord, *, on_delivery: DeliveryCallback) -> None:
        """Enqueue a record; the callback runs on this thread within a later call."""

        def delivered(error: ck.KafkaError | None, _message: ck.Message) -> None:
            on_delivery(None if error is None else broker_error(error, doing=f"produce to {record.topic}"))

        try:
            self._client.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                on_delivery=delivered,
            )
        except (ck.KafkaException, BufferError):  # not around it: a replay produces millions
            with translated(f"produce to {record.topic}"):
                raise

    def send_offsets(
        self,
        next_offsets: Mapping[TopicPartition, int],
        *,
        metadata: GroupMetadata,
        timeout_seconds: float,
    ) -> None:
        """Add consumed offsets to the transaction; fatal where the client overruns the time-out by far."""
        doing = "add offsets to the transaction"
        offsets = with_offsets(next_offsets, notes=self._notes)
        client = self._client
        with translated(doing):
            call_within(
                timeout_seconds + _OVERRUN_SECONDS,
                call=lambda: client.send_offsets_to_transaction(offsets, metadata.handle, timeout_seconds),
                doing=doing,
            )

    def commit_transaction(self, *, timeout_seconds: float) -> None:
        """Commit the transaction, flushing what was produced."""
        with translated("commit the transaction"):
            self._client.commit_transaction(timeout_seconds)

    def abort_transaction(self, *, timeout_seconds: float) -> None:
        """Abort the transaction, discarding what was produced."""
        with translated("abort the transaction"):
            self._client.abort_transaction(timeout_seconds)

    def flush(self, *, timeout_seconds: float) -> int:
        """Wait for deliveries; give the number still outstanding."""
        with translated("flush"):
            outstanding = self._client.flush(timeout_seconds)
        self._raise_trouble()
        return outstanding

    def close(self) -> None:
        """Forget the producer without waiting for anything; nothing may be called afterwards."""
        with translated("close"):
            self._client.purge(in_queue=True, in_flight=True, blocking=False)
        del self._client

    def _on_error(self, error: ck.KafkaError) -> None:
        # Refused credentials are no answer to any call: the library would try for ever, each call timing out.
        found = broker_error(error, doing="reach the broker")
        if found.is_authorization:
            self._trouble = found

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            trouble.retriable = False
            raise trouble
