"""Names what the Kafka thread asks of a broker client: two protocols, their errors and their data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from consumer.jobs import InputRecord, OutputRecord, TopicPartition

AUTHORIZATION_CODES: Final = frozenset(
    {
        "CLUSTER_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "SASL_AUTHENTICATION_FAILED",
        "TOPIC_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "_AUTHENTICATION",
    }
)
"""Codes that say: the broker refuses our credentials or our access."""


class BrokerError(Exception):
    """A client call failed.

    Attributes
    ----------
    code : str
        The protocol's error name, as `ILLEGAL_GENERATION` or `_TIMED_OUT`.
    retriable : bool
        The same call may be made again as it is.
    requires_abort : bool
        The open transaction must be aborted; the next one may succeed.
    fatal : bool
        The producer is dead (fenced): build a new one. Never abort.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retriable: bool = False,
        requires_abort: bool = False,
        fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retriable = retriable
        self.requires_abort = requires_abort
        self.fatal = fatal

    @property
    def is_authorization(self) -> bool:
        """Whether the broker refuses our credentials or our access."""
        return self.code in AUTHORIZATION_CODES


@dataclass(frozen=True, slots=True)
class GroupMetadata:
    """The consumer's membership at one moment; `handle` is the client's own object for a transaction.

    An empty `member_id` or a `generation` of 0 or less means that membership was lost.
    """

    member_id: str
    generation: int
    handle: object


Partitions = Sequence[TopicPartition]
DeliveryCallback = Callable[[BrokerError | None], None]


@dataclass(frozen=True, slots=True)
class RebalanceListener:
    """What the client calls, from within `poll` and `close`, when partitions come and go."""

    on_assign: Callable[[Partitions], None]
    on_revoke: Callable[[Partitions], None]
    on_lost: Callable[[Partitions], None]


class MembershipPort(Protocol):
    """What a transaction asks of a group's member."""

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as it is now."""

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read the group's committed next offsets; a partition without one is left out."""


class ConsumerPort(Protocol):
    """A group consumer with incremental (cooperative) rebalancing; only the Kafka thread may call it."""

    def subscribe(self, topics: Sequence[str], *, listener: RebalanceListener) -> None:
        """Join the group; partitions arrive through the listener."""

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        """Give the next record, or None after the time-out.

        Raises
        ------
        BrokerError
            `retriable` for passing troubles; otherwise the worker must end.
        """

    def pause(self, partitions: Partitions) -> None:
        """Stop the flow of records from these assigned partitions."""

    def resume(self, partitions: Partitions) -> None:
        """Undo `pause`."""

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as it is now."""

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read the group's committed next offsets; a partition without one is left out."""

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets synchronously, outside any transaction (at-least-once)."""

    def lag(self) -> dict[TopicPartition, int]:
        """Give the last known lag, in records, of each assigned partition."""

    def close(self) -> None:
        """Leave the group."""


class ProducerPort(Protocol):
    """A producer, transactional where the delivery setting says so; only the Kafka thread may call it.

    Every method but `produce` and `close` blocks for its time-out at most and raises `BrokerError`; one
    that timed out is `retriable` and may be called again to go on where it stood.
    """

    def init_transactions(self, *, timeout_seconds: float) -> None:
        """Register the transactional.id, fencing and aborting what an earlier holder left open."""

    def begin_transaction(self) -> None:
        """Open a transaction."""

    def produce(self, record: OutputRecord, *, on_delivery: DeliveryCallback) -> None:
        """Enqueue a record; the callback runs on the calling thread within a later call."""

    def send_offsets(
        self,
        next_offsets: Mapping[TopicPartition, int],
        *,
        metadata: GroupMetadata,
        timeout_seconds: float,
    ) -> None:
        """Add consumed offsets to the transaction."""

    def commit_transaction(self, *, timeout_seconds: float) -> None:
        """Commit the transaction, flushing what was produced."""

    def abort_transaction(self, *, timeout_seconds: float) -> None:
        """Abort the transaction, discarding what was produced."""

    def flush(self, *, timeout_seconds: float) -> int:
        """Wait for deliveries; give the number still outstanding."""

    def close(self) -> None:
        """Forget the producer without waiting for anything."""
