"""Turns the producer port's calls into requests to the memory broker, with librdkafka's states."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto

from consumer.jobs import OutputRecord, TopicPartition
from consumer.memory_broker.broker import MemoryBroker
from consumer.memory_broker.log import TransactionState
from consumer.memory_broker.requests import fenced
from consumer.ports import BrokerError, DeliveryCallback, GroupMetadata


class _State(Enum):
    NEW = auto()
    READY = auto()
    OPEN = auto()
    COMMITTING = auto()
    MUST_ABORT = auto()
    ABORTING = auto()
    DEAD = auto()


class MemoryProducer:
    """Implements `consumer.ports.ProducerPort`.

    Parameters
    ----------
    broker : MemoryBroker
        Where to.
    group : str
        The group whose offsets `send_offsets` adds.
    transactional_id : str or None
        Null for a producer without transactions.
    client_id : str
        Names it to the broker's hook.
    transaction_timeout_seconds : float
        The broker aborts a transaction that is older.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        group: str,
        transactional_id: str | None = None,
        client_id: str = "producer",
        transaction_timeout_seconds: float = 15.0,
    ) -> None:
        self._broker = broker
        self._group = group
        self._transactional_id = transactional_id
        self._client_id = client_id
        self._transaction_timeout_seconds = transaction_timeout_seconds
        self._state = _State.NEW if transactional_id else _State.READY
        self._epoch = 0
        self._queue: deque[tuple[OutputRecord, DeliveryCallback]] = deque()
        self._head_is_stored = False  # its answer was lost: sequence numbers keep it from being stored twice
        self._reports: deque[tuple[DeliveryCallback, BrokerError | None]] = deque()

    def init_transactions(self, *, timeout_seconds: float) -> None:
        """Take a new epoch."""
        self._require(_State.NEW)
        with self._request("init_transactions", timeout_seconds):
            self._epoch = self._broker.coordinator.init(
                self._id, timeout_seconds=self._transaction_timeout_seconds
            )
        self._state = _State.READY

    def begin_transaction(self) -> None:
        """Open a transaction, here only: the broker learns of it with the first request."""
        self._require(_State.READY)
        self._state = _State.OPEN

    def produce(self, record: OutputRecord, *, on_delivery: DeliveryCallback) -> None:
        """Enqueue, and send what can be sent; the callback waits for a later call."""
        self._require(_State.READY if self._transactional_id is None else _State.OPEN)
        self._queue.append((record, on_delivery))
        self._send(timeout_seconds=0.0)

    def send_offsets(
        self,
        next_offsets: Mapping[TopicPartition, int],
        *,
        metadata: GroupMetadata,
        timeout_seconds: float,
    ) -> None:
        """Add consumed offsets to the transaction."""
        self._require(_State.OPEN)
        with self._request("send_offsets", timeout_seconds):
            now = self._broker.clock.monotonic()
            transaction = self._broker.coordinator.open(self._id, epoch=self._epoch, now=now)
            self._broker.coordinator.add_offsets(
                transaction, next_offsets, group=self._group, metadata=metadata
            )

    def commit_transaction(self, *, timeout_seconds: float) -> None:
        """Deliver what is queued and commit."""
        self._require(_State.OPEN, _State.COMMITTING)
        self._send(timeout_seconds=timeout_seconds)
        self._serve()
        if self._queue:
            raise BrokerError("deliveries outstanding", code="_TIMED_OUT", retriable=True)
        self._require(_State.OPEN, _State.COMMITTING)
        self._state = _State.COMMITTING
        self._end("commit_transaction", TransactionState.COMMITTED, timeout_seconds)

    def abort_transaction(self, *, timeout_seconds: float) -> None:
        """Discard what is queued and abort."""
        if self._state is _State.DEAD:
            raise BrokerError("try again", code="_CONFLICT", retriable=True)  # for ever, as librdkafka does
        self._require(_State.OPEN, _State.MUST_ABORT, _State.ABORTING)
        self._state = _State.ABORTING
        purged = BrokerError("purged", code="_PURGE_QUEUE")
        self._reports.extend((on_delivery, purged) for _, on_delivery in self._queue)
        self._queue.clear()
        self._head_is_stored = False
        self._serve()
        self._end("abort_transaction", TransactionState.ABORTED, timeout_seconds)

    def flush(self, *, timeout_seconds: float) -> int:
        """Send what is queued; give what is left."""
        if self._state is _State.DEAD:
            raise fenced()
        self._send(timeout_seconds=timeout_seconds)
        self._serve()
        return len(self._queue)

    def close(self) -> None:
        """Forget the queue; an open transaction is left to its time-out."""
        self._queue.clear()

    @property
    def _id(self) -> str:
        if self._transactional_id is None:
            raise BrokerError("no transactional.id", code="_NOT_CONFIGURED")
        return self._transactional_id

    def _end(self, operation: str, state: TransactionState, timeout_seconds: float) -> None:
        with self._request(operation, timeout_seconds):
            self._broker.coordinator.end(self._id, epoch=self._epoch, state=state)
        self._state = _State.READY

    def _require(self, *states: _State) -> None:
        if self._state in states:
            return
        if self._state is _State.DEAD:
            raise fenced()
        if self._state is _State.MUST_ABORT:
            raise BrokerError("the transaction must be aborted", code="_STATE", requires_abort=True)
        raise BrokerError(f"not possible now: state={self._state.name}", code="_STATE")

    @contextmanager
    def _request(self, operation: str, timeout_seconds: float) -> Iterator[None]:
        """Put the hook around a request, and take over the state that its error means."""
        try:
            self._broker.before(self._client_id, operation, timeout_seconds)
            with self._broker.lock:
                yield
            self._broker.after(self._client_id, operation, timeout_seconds)
        except BrokerError as exc:
            if exc.fatal:
                self._state = _State.DEAD
            elif exc.requires_abort:
                self._state = _State.MUST_ABORT
            raise

    def _send(self, *, timeout_seconds: float) -> None:
        """Deliver the queue, up to the first record that finds no broker."""
        while self._queue:
            record, on_delivery = self._queue[0]
            try:
                with self._request("produce", timeout_seconds):
                    if not self._head_is_stored:
                        self._append(record)
                        self._head_is_stored = True
                error = None
            except BrokerError as exc:
                if exc.retriable or exc.fatal:
                    return
                error = exc
                if self._transactional_id is not None:
                    self._state = _State.MUST_ABORT
            self._queue.popleft()
            self._head_is_stored = False
            self._reports.append((on_delivery, error))

    def _append(self, record: OutputRecord) -> None:
        transaction = None
        if self._transactional_id is not None:
            now = self._broker.clock.monotonic()
            transaction = self._broker.coordinator.open(self._id, epoch=self._epoch, now=now)
        self._broker.append(record, transaction=transaction)

    def _serve(self) -> None:
        while self._reports:
            on_delivery, error = self._reports.popleft()
            on_delivery(error)
