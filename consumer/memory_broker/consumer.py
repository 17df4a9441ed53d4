"""Turns the consumer port's calls into requests to the memory broker, heartbeats and rebalances included."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from consumer.jobs import InputRecord, TopicPartition
from consumer.memory_broker.broker import MemoryBroker
from consumer.ports import BrokerError, GroupMetadata, Partitions, RebalanceListener

_HEARTBEAT_SECONDS = 3.0  # Kafka's default: how late a client may learn that it was dropped
_POLL_STEP_SECONDS = 0.002  # between two looks at the log within one poll


class MemoryConsumer:
    """Implements `consumer.ports.ConsumerPort`.

    Parameters
    ----------
    broker : MemoryBroker
        Where from.
    group : str
        The consumer group.
    client_id : str
        Names it to the broker's hook.
    protocol : {"classic", "consumer"}
        What the membership looks like once it is lost: empty, or a generation of 0.
    poll_step_seconds : float
        Looks at the log so often while it polls; a virtual clock wants one look a poll.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        group: str,
        client_id: str = "consumer",
        protocol: Literal["classic", "consumer"] = "classic",
        poll_step_seconds: float = _POLL_STEP_SECONDS,
    ) -> None:
        self.frozen = False  # a process that is stopped sends no heartbeats
        self._broker = broker
        self._group = broker.groups.group(group)
        self._group_name = group
        self._client_id = client_id
        self._protocol = protocol
        self._poll_step_seconds = poll_step_seconds
        self._topics: tuple[str, ...] = ()
        self._listener: RebalanceListener | None = None
        self._member_id = ""
        self._generation = -1
        self._owned: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._positions: dict[TopicPartition, int] = {}
        self._turn: deque[TopicPartition] = deque()

    def subscribe(self, topics: Sequence[str], *, listener: RebalanceListener) -> None:
        """Join with the first poll."""
        self._topics, self._listener = tuple(topics), listener

    def poll(self, timeout_seconds: float) -> InputRecord | None:
        """Take part in rebalances, then give the next record."""
        if timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds={timeout_seconds} must be positive")
        clock = self._broker.clock
        deadline = clock.monotonic() + timeout_seconds
        self._broker.before(self._client_id, "poll", timeout_seconds)
        self._rebalance()
        while True:
            record = self._fetch()
            remaining = deadline - clock.monotonic()
            if record is not None or remaining <= 0:
                return record
            clock.sleep(min(self._poll_step_seconds, remaining))

    def pause(self, partitions: Partitions) -> None:
        """Stop fetching from these."""
        self._require_owned(partitions)
        self._paused.update(partitions)

    def resume(self, partitions: Partitions) -> None:
        """Fetch from these again."""
        self._require_owned(partitions)
        self._paused.difference_update(partitions)

    def group_metadata(self) -> GroupMetadata:
        """Give the membership as this client knows it."""
        self._broker.expire()
        self._hear()
        return GroupMetadata(self._member_id, self._generation, handle=None)

    def committed(self, partitions: Partitions, *, timeout_seconds: float) -> dict[TopicPartition, int]:
        """Read stable committed offsets."""
        self._broker.before(self._client_id, "committed", timeout_seconds)
        with self._broker.lock:
            if self._broker.coordinator.unstable(self._group_name) & set(partitions):
                raise BrokerError("offsets are not stable", code="UNSTABLE_OFFSET_COMMIT", retriable=True)
            offsets = self._group.offsets
            return {partition: offsets[partition] for partition in partitions if partition in offsets}

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets as a member."""
        self._broker.before(self._client_id, "commit", 1.0)
        with self._broker.lock:
            self._group.check(self.group_metadata())
            self._group.offsets.update(next_offsets)
        self._broker.after(self._client_id, "commit", 1.0)

    def lag(self) -> dict[TopicPartition, int]:
        """Count offsets between the committed one and the last stable one."""
        with self._broker.lock:
            return {
                partition: self._broker.log(partition).last_stable_offset
                - self._group.offsets.get(partition, self._broker.log(partition).start_offset)
                for partition in self._owned
            }

    def close(self) -> None:
        """Give the partitions back and leave."""
        if self._owned and self._listener is not None:
            if self._lost():
                self._listener.on_lost(sorted(self._owned))
            else:
                self._listener.on_revoke(sorted(self._owned))
        self._forget(self._owned)
        with self._broker.lock:
            self._group.leave(self._member_id, now=self._broker.clock.monotonic())

    def _lost(self) -> bool:
        return bool(self._member_id) and self._member_id not in self._group.members

    def _hear(self, *, now: bool = False) -> None:
        """Learn from a heartbeat, or from a poll, that the membership is gone."""
        if not self._lost():
            return
        at = self._broker.clock.monotonic()
        if now or at % _HEARTBEAT_SECONDS < _HEARTBEAT_SECONDS / 2:
            self._generation = 0 if self._protocol == "consumer" else -1
            if self._protocol == "classic":
                self._member_id = ""

    def _rebalance(self) -> None:
        listener = self._listener
        if listener is None:
            return
        self._hear(now=True)
        if self._generation <= 0 and self._owned:
            lost = sorted(self._owned)
            listener.on_lost(lost)
            self._forget(lost)
        with self._broker.lock:
            member = self._group.members.get(self._member_id)
            if member is None or self._group.must_join(self._member_id):
                self._join()
            member = self._group.members[self._member_id]
            member.polled_at = self._broker.clock.monotonic()
        if member.generation > self._generation and member.generation == self._group.generation:
            self._generation = member.generation
            self._take_over(member.assignment)

    def _join(self) -> None:
        self._member_id = self._group.join(
            self._member_id,
            topics=self._topics,
            owned=self._owned,
            alive=lambda: not self.frozen,
            now=self._broker.clock.monotonic(),
        )

    def _take_over(self, assignment: Collection[TopicPartition]) -> None:
        listener = self._listener
        if listener is None:
            return
        revoked = sorted(self._owned.difference(assignment))
        if revoked:
            listener.on_revoke(revoked)
            self._forget(revoked)
        added = sorted(set(assignment) - self._owned)
        self._owned.update(added)
        self._turn.extend(added)
        if added:
            listener.on_assign(added)
        if revoked and self._member_id in self._group.members:
            with self._broker.lock:
                self._join()  # the others get what was given back in the next generation

    def _forget(self, partitions: Collection[TopicPartition]) -> None:
        for partition in list(partitions):
            self._owned.discard(partition)
            self._paused.discard(partition)
            self._positions.pop(partition, None)
            self._turn.remove(partition)

    def _fetch(self) -> InputRecord | None:
        with self._broker.lock:
            for _ in range(len(self._turn)):
                partition = self._turn[0]
                self._turn.rotate(-1)
                if partition in self._paused:
                    continue
                position = self._position(partition)
                record = None if position is None else self._broker.log(partition).read(position)
                if record is not None:
                    self._positions[partition] = record.offset + 1
                    return record
        return None

    def _position(self, partition: TopicPartition) -> int | None:
        """Where to read on; null while an open transaction may change the committed offset."""
        log = self._broker.log(partition)
        if partition not in self._positions:
            if partition in self._broker.coordinator.unstable(self._group_name):
                return None
            self._positions[partition] = self._group.offsets.get(partition, log.start_offset)
        position = self._positions[partition]
        if position < log.start_offset:
            raise BrokerError(f"no offset={position} in {partition}", code="_AUTO_OFFSET_RESET")
        return position

    def _require_owned(self, partitions: Partitions) -> None:
        strangers = set(partitions) - self._owned
        if strangers:
            raise BrokerError(f"not assigned: {sorted(strangers)}", code="_STATE")
