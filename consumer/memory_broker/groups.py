"""Turns members that come and go into generations and assignments: cooperative, incremental, sticky."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from consumer.jobs import TopicPartition
from consumer.ports import BrokerError, GroupMetadata


@dataclass(slots=True)
class Member:
    """One member; `owned` is what it said it owned when it joined last, times are monotonic seconds."""

    member_id: str
    alive: Callable[[], bool]
    polled_at: float
    heard_at: float
    topics: tuple[str, ...] = ()
    owned: frozenset[TopicPartition] = frozenset()
    assignment: frozenset[TopicPartition] = frozenset()
    generation: int = 0
    joined: bool = False


@dataclass(slots=True)
class Group:
    """One consumer group.

    A rebalance begins when a member joins, leaves or dies, and ends when all have joined again (or the
    late ones were dropped): then comes the next generation. A partition that moves is first taken from
    its owner, and given to the next one only in the rebalance after that.
    """

    partitions: Callable[[Collection[str]], list[TopicPartition]]
    session_timeout_seconds: float
    max_poll_interval_seconds: float
    generation: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    _rebalancing_since: float | None = None
    _n_joined: int = 0

    def join(
        self,
        member_id: str,
        *,
        topics: tuple[str, ...],
        owned: Collection[TopicPartition],
        alive: Callable[[], bool],
        now: float,
    ) -> str:
        """Enter, or re-enter for the next generation; give the member's id, a new one where it had none."""
        if member_id not in self.members:
            self._n_joined += 1
            member_id = f"member-{self._n_joined}"
            self.members[member_id] = Member(member_id, alive, polled_at=now, heard_at=now)
        member = self.members[member_id]
        member.topics, member.owned, member.joined = topics, frozenset(owned), True
        member.generation = 0  # an assignment that it has not taken yet is void
        if self._rebalancing_since is None:
            self._begin(now, joined=member)
        self._complete_if_all_joined()
        return member_id

    def leave(self, member_id: str, *, now: float) -> None:
        """Go, and let the others share what the member had."""
        if self.members.pop(member_id, None) is None:
            return
        if self._rebalancing_since is None:
            self._begin(now, joined=None)
        self._complete_if_all_joined()

    def must_join(self, member_id: str) -> bool:
        """Whether a rebalance waits for this member."""
        return self._rebalancing_since is not None and not self.members[member_id].joined

    def check(self, metadata: GroupMetadata) -> None:
        """Raise `BrokerError` where the member is unknown or its generation is over."""
        if metadata.member_id not in self.members:
            raise BrokerError("unknown member", code="UNKNOWN_MEMBER_ID")
        if metadata.generation != self.generation:
            raise BrokerError("the generation is over", code="ILLEGAL_GENERATION")

    def expire(self, now: float) -> None:
        """Drop members that were not heard of, or did not poll, or did not rejoin, for too long."""
        late = self._rebalancing_since
        rebalance_over = late is not None and now - late > self.max_poll_interval_seconds
        for member in list(self.members.values()):
            if member.alive():
                member.heard_at = now
            silent = now - member.heard_at > self.session_timeout_seconds
            stuck = now - member.polled_at > self.max_poll_interval_seconds
            if silent or stuck or (rebalance_over and not member.joined):
                self.leave(member.member_id, now=now)

    def _begin(self, now: float, *, joined: Member | None) -> None:
        self._rebalancing_since = now
        for member in self.members.values():
            member.joined = member is joined

    def _complete_if_all_joined(self) -> None:
        if not all(member.joined for member in self.members.values()):
            return
        self._rebalancing_since = None
        self.generation += 1
        owners = {partition: member for member in self.members.values() for partition in member.owned}
        target = self._balance(owners)
        for member in self.members.values():
            member.generation = self.generation
            member.assignment = frozenset(
                partition
                for partition, owner in target.items()
                if owner is member and owners.get(partition, member) is member
            )

    def _balance(self, owners: Mapping[TopicPartition, Member]) -> dict[TopicPartition, Member]:
        """Leave partitions with their owners up to an even share, and give the rest to who has least."""
        members = list(self.members.values())
        if not members:
            return {}
        partitions = self.partitions({topic for member in members for topic in member.topics})
        share = -(-len(partitions) // len(members))
        load = {member.member_id: 0 for member in members}
        target: dict[TopicPartition, Member] = {}
        for partition in partitions:
            owner = owners.get(partition)
            if owner is not None and load[owner.member_id] < share:
                target[partition] = owner
                load[owner.member_id] += 1
        for partition in partitions:
            if partition not in target:
                owner = min(members, key=lambda member: load[member.member_id])
                target[partition] = owner
                load[owner.member_id] += 1
        return target


class Groups:
    """All groups, made as they are first named.

    Parameters
    ----------
    partitions : Callable
        Lists the partitions of topics.
    session_timeout_seconds, max_poll_interval_seconds : float
        Of every group.
    """

    def __init__(
        self,
        partitions: Callable[[Collection[str]], list[TopicPartition]],
        *,
        session_timeout_seconds: float,
        max_poll_interval_seconds: float,
    ) -> None:
        self._partitions = partitions
        self._session_timeout_seconds = session_timeout_seconds
        self._max_poll_interval_seconds = max_poll_interval_seconds
        self._groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        """Give a group."""
        if name not in self._groups:
            self._groups[name] = Group(
                self._partitions, self._session_timeout_seconds, self._max_poll_interval_seconds
            )
        return self._groups[name]

    def expire(self, now: float) -> None:
        """Drop silent members of every group."""
        for group in self._groups.values():
            group.expire(now)
