"""Turns appended records and transaction markers into what a read_committed reader sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from consumer.jobs import InputRecord, OutputRecord, TopicPartition


class TransactionState(Enum):
    """How far a transaction has come."""

    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction; `offsets` are those it will commit, by group."""

    transactional_id: str
    started_at: float
    state: TransactionState = TransactionState.OPEN
    logs: list[PartitionLog] = field(default_factory=list)
    offsets: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    record: InputRecord | None  # null: a marker, or an offset that compaction removed
    transaction: Transaction | None


class PartitionLog:
    """One partition: offsets count markers too, which is why a reader's offsets have gaps."""

    def __init__(self, topic_partition: TopicPartition, *, max_message_bytes: int) -> None:
        self.topic_partition = topic_partition
        self.max_message_bytes = max_message_bytes
        self.start_offset = 0
        self._entries: list[_Entry] = []
        self._open: dict[Transaction, int] = {}

    @property
    def end_offset(self) -> int:
        """One past the last offset."""
        return len(self._entries)

    @property
    def last_stable_offset(self) -> int:
        """The first offset of an open transaction, or the end: where read_committed readers stop."""
        return min(self._open.values()) if self._open else len(self._entries)

    def append(
        self, record: OutputRecord, *, timestamp_ms: int, transaction: Transaction | None = None
    ) -> int:
        """Append a record and give its offset."""
        offset = self.end_offset
        if transaction is not None and transaction not in self._open:
            self._open[transaction] = offset
            transaction.logs.append(self)
        stored = InputRecord(
            self.topic_partition, offset, record.key, record.value, record.headers, timestamp_ms
        )
        self._entries.append(_Entry(stored, transaction))
        return offset

    def mark_end(self, transaction: Transaction) -> None:
        """Append the marker that ends a transaction here."""
        del self._open[transaction]
        self.skip(1)

    def skip(self, n_offsets: int) -> None:
        """Use up offsets without a record, as markers and compaction do."""
        self._entries.extend([_Entry(None, None)] * n_offsets)

    def delete_before(self, offset: int) -> None:
        """Expire what is older, as retention does."""
        self.start_offset = max(self.start_offset, offset)

    def read(self, offset: int) -> InputRecord | None:
        """Give the first committed record at `offset` or later, below the last stable offset."""
        return next(self._committed(offset), None) if offset < len(self._entries) else None

    def visible(self) -> list[InputRecord]:
        """Give all that a read_committed reader sees."""
        return list(self._committed(self.start_offset))

    def committed_behind_open(self) -> list[InputRecord]:
        """Give committed records that readers do not see yet, because an older transaction is open."""
        return list(self._committed(self.last_stable_offset, end=self.end_offset))

    def _committed(self, offset: int, *, end: int | None = None) -> Iterator[InputRecord]:
        for position in range(offset, self.last_stable_offset if end is None else end):
            record, transaction = self._entries[position].record, self._entries[position].transaction
            if record is None:
                continue
            if transaction is None or transaction.state is TransactionState.COMMITTED:
                yield record
