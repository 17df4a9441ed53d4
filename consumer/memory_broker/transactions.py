"""Turns transactional.ids into epochs and their requests into atomic commits: the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.jobs import TopicPartition
from consumer.memory_broker.groups import Groups
from consumer.memory_broker.log import Transaction, TransactionState
from consumer.memory_broker.requests import fenced
from consumer.ports import BrokerError, GroupMetadata


@dataclass(slots=True)
class _Holder:
    epoch: int
    timeout_seconds: float
    transaction: Transaction | None = None
    last_end: TransactionState | None = None


class Coordinator:
    """Keeps one epoch and at most one open transaction per transactional.id.

    Parameters
    ----------
    groups : Groups
        Take the offsets of committed transactions.
    """

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._holders: dict[str, _Holder] = {}

    def init(self, transactional_id: str, *, timeout_seconds: float) -> int:
        """Give a new epoch, which fences the earlier ones and aborts what they left open."""
        holder = self._holders.setdefault(transactional_id, _Holder(0, timeout_seconds))
        self._end(holder, TransactionState.ABORTED)
        holder.epoch += 1
        holder.timeout_seconds = timeout_seconds
        holder.last_end = None
        return holder.epoch

    def open(self, transactional_id: str, *, epoch: int, now: float) -> Transaction:
        """Give the transaction under way, begun here by its first request.

        Raises
        ------
        BrokerError
            Fatal: the epoch is over.
        """
        holder = self._holder(transactional_id, epoch)
        if holder.transaction is None:
            holder.transaction = Transaction(transactional_id, started_at=now)
            holder.last_end = None
        return holder.transaction

    def add_offsets(
        self,
        transaction: Transaction,
        next_offsets: Mapping[TopicPartition, int],
        *,
        group: str,
        metadata: GroupMetadata,
    ) -> None:
        """Add consumed offsets, checked against the member and generation that sent them.

        As in Kafka, metadata without them are **not** checked.

        Raises
        ------
        BrokerError
            To be aborted: the group does not know the member, or not in this generation.
        """
        if metadata.member_id and metadata.generation > 0:
            try:
                self._groups.group(group).check(metadata)
            except BrokerError as exc:
                raise BrokerError(str(exc), code=exc.code, requires_abort=True) from exc
        transaction.offsets.setdefault(group, {}).update(next_offsets)

    def end(self, transactional_id: str, *, epoch: int, state: TransactionState) -> None:
        """Commit or abort; the same again, where the first answer was lost, does nothing.

        Raises
        ------
        BrokerError
            Fatal: the epoch is over. To be aborted: the opposite has happened.
        """
        holder = self._holder(transactional_id, epoch)
        if holder.transaction is not None:
            self._end(holder, state)
        elif holder.last_end not in (None, state):
            raise BrokerError("the transaction ended otherwise", code="INVALID_TXN_STATE", fatal=True)

    def expire(self, now: float) -> None:
        """Abort transactions older than their time-out and fence their holders."""
        for holder in self._holders.values():
            transaction = holder.transaction
            if transaction and now - transaction.started_at > holder.timeout_seconds:
                self._end(holder, TransactionState.ABORTED)
                holder.epoch += 1

    def unstable(self, group: str) -> set[TopicPartition]:
        """Give the partitions whose offsets an open transaction is about to change."""
        return {
            partition
            for holder in self._holders.values()
            if holder.transaction
            for partition in holder.transaction.offsets.get(group, ())
        }

    def _holder(self, transactional_id: str, epoch: int) -> _Holder:
        holder = self._holders[transactional_id]
        if holder.epoch != epoch:
            raise fenced()
        return holder

    def _end(self, holder: _Holder, state: TransactionState) -> None:
        transaction, holder.transaction = holder.transaction, None
        if transaction is None:
            return
        holder.last_end = transaction.state = state
        for log in transaction.logs:
            log.mark_end(transaction)
        if state is TransactionState.COMMITTED:
            for group, next_offsets in transaction.offsets.items():
                self._groups.group(group).offsets.update(next_offsets)
