"""Turns dead letters back into uploads, each once: in the transaction of an upload stands its marker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from consumer.clock import SYSTEM_CLOCK, Clock
from consumer.config import Delivery, Settings
from consumer.dead_letters.letter import Letter
from consumer.dead_letters.letter_log import LetterLog, OnRead
from consumer.dead_letters.parcel import Packer, Parcel
from consumer.dead_letters.selection import Selection
from consumer.errors import TwinFencedError
from consumer.kafka import KafkaProducer
from consumer.loop.delivery import UnfinishedError, call_until
from consumer.ports import BrokerError
from consumer.replay.pace import Pace

_BATCH_LETTERS: Final = 100
_BATCH_BYTES: Final = 4 * 1024 * 1024
_TIMEOUT_SECONDS: Final = 30.0
_FENCED_CODES: Final = frozenset(("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"))
_TOO_LARGE_CODES: Final = frozenset(("MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"))


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told how far a redrive is.

    Attributes
    ----------
    on_total : callable
        Told once how many offsets will be passed.
    on_read : callable
        Told how many more were.
    on_redriven : callable
        Told of a letter once it is redriven for good, or would be.
    on_refused : callable
        Told of a letter that stays, and why.
    """

    on_total: Callable[[int], None] = lambda _: None
    on_read: OnRead = lambda _: None
    on_redriven: Callable[[Letter, str], None] = lambda _letter, _topic: None
    on_refused: Callable[[Letter, str], None] = lambda _letter, _why: None


@dataclass(slots=True)
class RedriveEnd:
    """What came of it: how many letters were redriven, by their reasons, and how many stay."""

    redriven: Counter[str] = field(default_factory=Counter)
    refused: int = 0


class Redriver:
    """Redrives what is selected; a context manager. One thread; `run` blocks on the broker.

    One redrive of a group works at a time: a later one fences an earlier one, ends what that left open, and
    reads the markers only then.

    Parameters
    ----------
    settings : Settings
        Broker, group and topics.
    selection : Selection
        Which letters; those that were redriven never are again, whatever it says.
    to : str, optional
        The topic of uploads to publish in; each letter's own where null.
    limit : int, optional
        How many letters at most.
    rate : float, optional
        Most letters a second.
    listeners : Listeners
        Told of the progress.
    clock : Clock
        Time.
    """

    def __init__(
        self,
        settings: Settings,
        selection: Selection,
        *,
        to: str | None = None,
        limit: int | None = None,
        rate: float | None = None,
        listeners: Listeners | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._selection = selection
        self._packer = Packer(settings.topics, to=to, replay_id=selection.replay_id)
        self._limit = limit
        self._pace = Pace(rate, clock=clock.monotonic)
        # No batch of a slow redrive waits for longer than a second.
        self._batch_letters = _BATCH_LETTERS if rate is None else max(1, min(_BATCH_LETTERS, int(rate)))
        self._listeners = listeners or Listeners()
        self._clock = clock
        self._producer: KafkaProducer | None = None
        self.end = RedriveEnd()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            self._producer.close()

    def preview(self) -> RedriveEnd:
        """Tell the listeners what `run` would redrive, and write nothing.

        Raises
        ------
        BrokerError
            The broker does not answer, refuses us, or lacks the topic.
        """
        for parcel in self._parcels():
            self._note(parcel)
        return self.end

    def run(self) -> RedriveEnd:
        """Redrive what is selected; what was committed is, however this ends.

        Raises
        ------
        TwinFencedError
            Another redrive of this group has begun.
        BrokerError, BrokerAuthorizationError
            The broker does not answer, refuses us, or lacks a topic.
        """
        try:
            self._producer = self._register()
            batch: list[Parcel] = []
            for parcel in self._parcels():
                if len(batch) >= self._batch_letters or _size(batch) + parcel.size_bytes > _BATCH_BYTES:
                    self._send(batch)
                    batch = []
                batch.append(parcel)
            self._send(batch)
        except UnfinishedError as exc:
            raise exc.error from exc
        except BrokerError as exc:
            if exc.code in _FENCED_CODES:
                raise TwinFencedError("another redrive of this group has begun: this one ends") from exc
            raise
        return self.end

    def _register(self) -> KafkaProducer:
        kafka = self._settings.kafka
        identity = {"delivery": Delivery.EXACTLY_ONCE, "transactional_id": f"{kafka.group}.redrive"}
        producer = KafkaProducer(kafka.model_copy(update=identity), topics=self._topics)
        try:
            self._in_time(lambda seconds: producer.init_transactions(timeout_seconds=seconds))
        except BaseException:
            producer.close()
            raise
        return producer

    def _parcels(self) -> Iterator[Parcel]:
        log = LetterLog(self._settings, self._selection)
        self._listeners.on_total(log.offsets)
        taken = 0
        for letter in log.letters(on_read=self._listeners.on_read):
            if self._limit is not None and taken >= self._limit:
                return
            parcel = self._packer.pack(letter)
            if isinstance(parcel, Parcel):
                taken += 1
                yield parcel
            else:
                self._refuse(letter, parcel)

    def _send(self, batch: list[Parcel]) -> None:
        """Publish a batch in one transaction; a letter that the broker finds too large stays."""
        if not batch:
            return
        while not self._pace.take(len(batch)):
            self._clock.sleep(self._pace.wait_seconds(len(batch)))
        while batch:
            refused = self._transact(batch)
            if not refused:
                break
            for parcel in batch:
                if id(parcel) in refused:
                    self._refuse(parcel.letter, str(refused[id(parcel)]))
            batch = [parcel for parcel in batch if id(parcel) not in refused]
        for parcel in batch:
            self._note(parcel)

    def _transact(self, batch: list[Parcel]) -> dict[int, BrokerError]:
        """Commit a batch; or abort it and give what the broker finds too large, by the parcel's identity."""
        producer = self._producer
        if producer is None:
            raise RuntimeError("a redrive has no producer before it is registered")
        reports: dict[int, BrokerError] = {}
        producer.begin_transaction()
        try:
            for parcel in batch:

                def note(error: BrokerError | None, parcel: Parcel = parcel) -> None:
                    if error is not None:
                        reports[id(parcel)] = error

                for record in (parcel.upload, parcel.marker):
                    producer.produce(record, on_delivery=note)
            self._in_time(lambda seconds: producer.commit_transaction(timeout_seconds=seconds))
        except BrokerError as exc:
            if exc.fatal or not exc.requires_abort:
                raise
            self._in_time(lambda seconds: producer.abort_transaction(timeout_seconds=seconds))
            refused = {one: error for one, error in reports.items() if error.code in _TOO_LARGE_CODES}
            if not refused:
                raise
            return refused
        return {}

    def _note(self, parcel: Parcel) -> None:
        self.end.redriven[parcel.letter.told.reason] += 1
        self._listeners.on_redriven(parcel.letter, parcel.upload.topic)

    def _refuse(self, letter: Letter, why: str) -> None:
        self.end.refused += 1
        self._listeners.on_refused(letter, why)

    def _in_time(self, call: Callable[[float], None]) -> None:
        call_until(time.monotonic() + _TIMEOUT_SECONDS, clock=self._clock, call=call)


def _size(batch: list[Parcel]) -> int:
    return sum(parcel.size_bytes for parcel in batch)
