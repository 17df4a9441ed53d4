"""Names how a batch of finished work is committed: one protocol, what goes in and what comes back.

`consumer.loop.transactional` delivers exactly once, `consumer.loop.at_least_once` at least once; the loop
does not know which. Both keep their own unfinished business between calls and never poll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Protocol

from consumer.clock import Clock
from consumer.errors import BrokerAuthorizationError
from consumer.jobs import OutputRecord, TopicPartition
from consumer.loop.offsets import Prefix
from consumer.loop.outcomes import Outcome
from consumer.ports import BrokerError, DeliveryCallback, GroupMetadata, Partitions

SLICE_SECONDS: Final = 1.0
"""Longest single wait for the broker: endless ones hung for over 50 s with the broker down."""
_RETRY_PAUSE_SECONDS: Final = 0.05  # some retriable answers come at once

_TOO_LARGE: Final = "MSG_SIZE_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Batch:
    """The prefixes to be committed together."""

    prefixes: Mapping[TopicPartition, Prefix[Outcome]]

    @property
    def next_offsets(self) -> dict[TopicPartition, int]:
        """What to commit: one past the last record of each prefix."""
        return {partition: prefix.next_offset for partition, prefix in self.prefixes.items()}

    def outcomes(self) -> Iterable[Outcome]:
        """Walk all outcomes, in order of offsets within a partition."""
        for prefix in self.prefixes.values():
            for record in prefix.records:
                yield from record.ended()


class Progress(Enum):
    """How one call of `Delivery.deliver` ended; the values are the metric's."""

    COMMITTED = "committed"
    PENDING = "pending"
    """Neither done nor undone: call again, with any batch, to go on with the one under way."""
    ABORTED = "aborted"
    """Nothing of it is visible; back off and try again."""
    SKIPPED_MEMBERSHIP = "skipped_membership"
    """Nothing was tried: the group does not know this worker (any more)."""
    FENCED = "fenced"
    """The producer died and was replaced; `covered` says what its last transaction had committed."""


class Refusal(NamedTuple):
    """A record that the broker took for too large, and the outcome that it belongs to."""

    outcome: Outcome
    record: OutputRecord


@dataclass(frozen=True, slots=True)
class Report:
    """What a call of `deliver` came to.

    Attributes
    ----------
    batch : Batch
        The one that the call was about, which is an earlier call's where that was pending.
    covered : Mapping[TopicPartition, int]
        After a new producer: the group's committed next offsets of the batch's partitions.
    refused : tuple of Refusal
        What the broker took for too large: shrink it before the next call.
    error : BrokerError or None
        Why it was not committed, or not yet.
    """

    progress: Progress
    batch: Batch
    covered: Mapping[TopicPartition, int] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    error: BrokerError | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReports:
    """What the broker says of one batch's records, as it says it.

    Attributes
    ----------
    errors : list of BrokerError
        Every failure.
    refused : list of Refusal
        Those of them that the broker took for too large.
    """

    errors: list[BrokerError] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def of(self, outcome: Outcome, record: OutputRecord) -> DeliveryCallback:
        """Give the callback for one of an outcome's records."""

        def note(error: BrokerError | None) -> None:
            if error is None:
                return
            self.errors.append(error)
            if error.code == _TOO_LARGE:
                self.refused.append(Refusal(outcome, record))

        return note


class Delivery(Protocol):
    """Commits batches; only the Kafka thread may call it."""

    @property
    def pending(self) -> bool:
        """Whether an earlier batch is under way still."""

    def deliver(self, batch: Batch | None, *, deadline: float) -> Report | None:
        """Commit `batch`, or go on with the pending one; blocks until `deadline` (monotonic) at most.

        None where there was nothing to do.

        Raises
        ------
        BrokerAuthorizationError
            The broker refuses our credentials or our access.
        TwinFencedError
            A living twin has the same transactional.id.
        """

    def drop(self, partitions: Partitions) -> None:
        """Learn that these partitions went away: someone else may own them from now on."""

    def close(self) -> None:
        """Let the producer go without waiting; nothing follows."""


class UnfinishedError(Exception):
    """The deadline passed and the call may be made again as it is; `error` is its last answer."""

    def __init__(self, error: BrokerError) -> None:
        super().__init__(str(error))
        self.error = error


def call_until(deadline: float, *, clock: Clock, call: Callable[[float], None]) -> None:
    """Make `call(timeout_seconds)` in slices, the same again while it is retriable, until `deadline`.

    Raises
    ------
    UnfinishedError
        The deadline passed.
    BrokerError
        The call failed in a way that the same call will not mend.
    """
    while True:
        timeout_seconds = min(SLICE_SECONDS, max(deadline - clock.monotonic(), 0.01))
        try:
            return call(timeout_seconds)
        except BrokerError as exc:
            raise_if_unauthorized(exc)
            if not exc.retriable:
                raise
            if clock.monotonic() + _RETRY_PAUSE_SECONDS >= deadline:
                raise UnfinishedError(exc) from exc
        clock.sleep(_RETRY_PAUSE_SECONDS)


def raise_if_unauthorized(error: BrokerError) -> None:
    """Raise `BrokerAuthorizationError` where `error` says so; no retry will change it."""
    if error.is_authorization:
        raise BrokerAuthorizationError(f"the broker refuses us: code={error.code}: {error}") from error


def is_member(metadata: GroupMetadata) -> bool:
    """Tell whether the group knew this worker at that moment."""
    return bool(metadata.member_id) and metadata.generation > 0
