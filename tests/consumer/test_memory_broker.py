"""The in-memory broker is as strict as a real one: members, generations, epochs, stability, sizes."""

from __future__ import annotations

import pytest

from consumer.clock import Clock
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.memory_broker import MemoryBroker, MemoryConsumer, MemoryProducer
from consumer.ports import BrokerError, GroupMetadata, Partitions, RebalanceListener
from consumer.simulation.timeline import Timeline

IN = TopicPartition("in", 0)


class _Member:
    """A consumer and what its listener was told."""

    def __init__(self, broker: MemoryBroker, name: str, *, protocol: str = "classic") -> None:
        self.told: list[tuple[str, list[TopicPartition]]] = []
        self.owned: set[TopicPartition] = set()
        self.consumer = MemoryConsumer(
            broker,
            group="g",
            client_id=name,
            protocol="consumer" if protocol == "consumer" else "classic",
            poll_step_seconds=1.0,
        )
        self.consumer.subscribe(["in"], listener=RebalanceListener(self._add, self._revoke, self._lose))

    def _add(self, partitions: Partitions) -> None:
        self.told.append(("assign", list(partitions)))
        self.owned.update(partitions)

    def _revoke(self, partitions: Partitions) -> None:
        self.told.append(("revoke", list(partitions)))
        self.owned.difference_update(partitions)

    def _lose(self, partitions: Partitions) -> None:
        self.told.append(("lost", list(partitions)))
        self.owned.difference_update(partitions)

    def poll(self, times: int = 1) -> list[InputRecord]:
        found = [self.consumer.poll(0.01) for _ in range(times)]
        return [record for record in found if record is not None]


class _Stage:
    def __init__(self, *, partitions: int = 1) -> None:
        self.timeline = Timeline()
        self.clock: Clock = self.timeline.clock(self.timeline.advance)
        self.broker = MemoryBroker(self.clock, session_timeout_seconds=6.0, max_poll_interval_seconds=30.0)
        self.broker.create_topic("in", partitions=partitions)
        self.broker.create_topic("out", max_message_bytes=100)

    def member(self, name: str = "a", *, protocol: str = "classic") -> _Member:
        return _Member(self.broker, name, protocol=protocol)

    def producer(self, transactional_id: str | None = "t") -> MemoryProducer:
        producer = MemoryProducer(
            self.broker, group="g", transactional_id=transactional_id, transaction_timeout_seconds=5.0
        )
        if transactional_id:
            producer.init_transactions(timeout_seconds=1.0)
        return producer


@pytest.fixture
def stage() -> _Stage:
    return _Stage()


def _produce(producer: MemoryProducer, value: bytes = b"v", topic: str = "out") -> list[BrokerError | None]:
    reports: list[BrokerError | None] = []
    producer.produce(OutputRecord(topic, b"k", value), on_delivery=reports.append)
    return reports


def _send_offsets(producer: MemoryProducer, member: _Member, next_offset: int) -> None:
    metadata = member.consumer.group_metadata()
    producer.send_offsets({IN: next_offset}, metadata=metadata, timeout_seconds=1.0)


def test_a_transaction_shows_nothing_until_its_commit_and_then_all(stage: _Stage) -> None:
    member, producer = stage.member(), stage.producer()
    member.poll()
    producer.begin_transaction()
    _produce(producer)
    _send_offsets(producer, member, 7)
    assert (stage.broker.visible("out"), stage.broker.committed("g")) == ([], {})
    producer.commit_transaction(timeout_seconds=1.0)
    assert len(stage.broker.visible("out")) == 1
    assert stage.broker.committed("g") == {IN: 7}


def test_an_aborted_transaction_leaves_a_gap_and_nothing_else(stage: _Stage) -> None:
    producer = stage.producer()
    producer.begin_transaction()
    _produce(producer)
    producer.abort_transaction(timeout_seconds=1.0)
    producer.begin_transaction()
    _produce(producer)
    producer.commit_transaction(timeout_seconds=1.0)
    assert [record.offset for record in stage.broker.visible("out")] == [2]
    assert stage.broker.log(TopicPartition("out", 0)).end_offset == 4


def test_readers_stop_at_the_first_open_transaction(stage: _Stage) -> None:
    first, second = stage.producer("first"), stage.producer("second")
    for producer in (first, second):
        producer.begin_transaction()
        _produce(producer)
    second.commit_transaction(timeout_seconds=1.0)
    assert stage.broker.visible("out") == []
    assert len(stage.broker.log(TopicPartition("out", 0)).committed_behind_open()) == 1
    first.abort_transaction(timeout_seconds=1.0)
    assert [record.offset for record in stage.broker.visible("out")] == [1]


def test_a_new_holder_of_an_id_aborts_and_fences_the_old_one(stage: _Stage) -> None:
    old = stage.producer()
    old.begin_transaction()
    _produce(old)
    stage.producer()
    for _ in range(2):
        with pytest.raises(BrokerError) as raised:
            old.commit_transaction(timeout_seconds=1.0)
        assert (raised.value.code, raised.value.fatal) == ("_FENCED", True)
    with pytest.raises(BrokerError) as aborting:
        old.abort_transaction(timeout_seconds=1.0)
    assert aborting.value.retriable  # for ever, as librdkafka does
    assert stage.broker.visible("out") == []


def test_a_transaction_past_its_time_is_aborted_and_its_producer_fenced(stage: _Stage) -> None:
    producer = stage.producer()
    producer.begin_transaction()
    _produce(producer)
    stage.timeline.advance(5.1)
    with pytest.raises(BrokerError, match="fenced"):
        producer.commit_transaction(timeout_seconds=1.0)
    log = stage.broker.log(TopicPartition("out", 0))
    assert log.last_stable_offset == log.end_offset


@pytest.mark.parametrize(
    ("member_id", "generation", "code"),
    [("nobody", 1, "UNKNOWN_MEMBER_ID"), ("member-1", 99, "ILLEGAL_GENERATION")],
)
def test_offsets_of_a_wrong_member_or_generation_must_be_aborted(
    stage: _Stage, member_id: str, generation: int, code: str
) -> None:
    stage.member().poll()
    producer = stage.producer()
    producer.begin_transaction()
    metadata = GroupMetadata(member_id, generation, handle=None)
    with pytest.raises(BrokerError) as raised:
        producer.send_offsets({IN: 1}, metadata=metadata, timeout_seconds=1.0)
    assert (raised.value.code, raised.value.requires_abort) == (code, True)
    with pytest.raises(BrokerError, match="must be aborted"):
        producer.commit_transaction(timeout_seconds=1.0)
    producer.abort_transaction(timeout_seconds=1.0)


@pytest.mark.parametrize(("member_id", "generation"), [("", -1), ("member-1", 0)])
def test_offsets_without_a_membership_are_taken_unchecked_as_real_brokers_do(
    stage: _Stage, member_id: str, generation: int
) -> None:
    producer = stage.producer()
    producer.begin_transaction()
    metadata = GroupMetadata(member_id, generation, handle=None)
    producer.send_offsets({IN: 3}, metadata=metadata, timeout_seconds=1.0)
    producer.commit_transaction(timeout_seconds=1.0)
    assert stage.broker.committed("g") == {IN: 3}


def test_a_record_over_the_topics_size_is_refused_and_spoils_its_transaction(stage: _Stage) -> None:
    producer = stage.producer()
    producer.begin_transaction()
    reports = _produce(producer, b"x" * 200)
    with pytest.raises(BrokerError) as raised:
        producer.commit_transaction(timeout_seconds=1.0)
    assert raised.value.requires_abort
    producer.abort_transaction(timeout_seconds=1.0)
    assert [report.code for report in reports if report] == ["MSG_SIZE_TOO_LARGE"]


def test_a_missing_topic_is_an_error_of_the_delivery(stage: _Stage) -> None:
    producer = stage.producer(None)
    reports = _produce(producer, topic="nowhere")
    assert producer.flush(timeout_seconds=1.0) == 0
    assert [report.code for report in reports if report] == ["UNKNOWN_TOPIC_OR_PART"]


def test_a_joining_member_gets_partitions_only_once_their_owner_gave_them_back() -> None:
    stage = _Stage(partitions=4)
    a, b = stage.member("a"), stage.member("b")
    a.poll()
    assert len(a.owned) == 4
    b.poll()
    assert b.owned == set()
    a.poll()
    b.poll()
    a.poll()
    b.poll()
    assert (len(a.owned), len(b.owned), a.owned & b.owned) == (2, 2, set())
    assert [kind for kind, _ in a.told] == ["assign", "revoke"]


def test_what_a_member_keeps_is_never_revoked() -> None:
    stage = _Stage(partitions=3)
    a, b = stage.member("a"), stage.member("b")
    a.poll()
    for _ in range(3):
        b.poll()
        a.poll()
    [revoked] = [partitions for kind, partitions in a.told if kind == "revoke"]
    assert len(revoked) == 1
    assert len(a.owned) == 2


@pytest.mark.parametrize("cause", ["silent", "not polling"])
def test_a_member_that_is_gone_loses_its_partitions_and_is_told(stage: _Stage, cause: str) -> None:
    a = stage.member("a")
    a.poll()
    a.consumer.frozen = cause == "silent"
    stage.timeline.advance(7.0 if cause == "silent" else 31.0)
    b = stage.member("b")
    b.poll(2)
    assert b.owned == {IN}
    a.consumer.frozen = False
    a.poll()
    assert a.told[-1] == ("lost", [IN])


@pytest.mark.parametrize(("protocol", "member_id"), [("classic", ""), ("consumer", "member-1")])
def test_a_lost_membership_shows_in_the_metadata_as_each_protocol_has_it(
    stage: _Stage, protocol: str, member_id: str
) -> None:
    a = stage.member("a", protocol=protocol)
    a.poll()
    assert a.consumer.group_metadata().generation == 1
    stage.timeline.advance(33.0)  # a multiple of the heartbeat interval
    metadata = a.consumer.group_metadata()
    assert metadata.member_id == member_id
    assert metadata.generation <= 0


def test_a_rebalance_does_not_wait_for_the_dead(stage: _Stage) -> None:
    a, b = stage.member("a"), stage.member("b")
    a.poll()
    a.consumer.frozen = True
    b.poll()
    assert b.owned == set()
    stage.timeline.advance(7.0)
    b.poll(2)
    assert b.owned == {IN}


def test_a_new_owner_waits_for_offsets_that_an_open_transaction_holds(stage: _Stage) -> None:
    a = stage.member("a")
    for value in (b"0", b"1"):
        stage.broker.publish("in", value)
    assert len(a.poll(2)) == 2
    producer = stage.producer()
    producer.begin_transaction()
    _send_offsets(producer, a, 1)
    a.consumer.close()
    b = stage.member("b")
    assert b.poll(3) == []
    with pytest.raises(BrokerError) as raised:
        b.consumer.committed([IN], timeout_seconds=1.0)
    assert raised.value.retriable
    producer.commit_transaction(timeout_seconds=1.0)
    assert [record.value for record in b.poll(2)] == [b"1"]


def test_paused_partitions_give_nothing_until_they_are_resumed(stage: _Stage) -> None:
    a = stage.member()
    a.poll()
    stage.broker.publish("in", b"v")
    a.consumer.pause([IN])
    assert a.poll(2) == []
    assert a.consumer.lag() == {IN: 1}
    a.consumer.resume([IN])
    assert len(a.poll()) == 1


def test_offsets_are_committed_by_members_only(stage: _Stage) -> None:
    a = stage.member()
    a.poll()
    a.consumer.commit({IN: 4})
    assert a.consumer.committed([IN], timeout_seconds=1.0) == {IN: 4}
    a.consumer.close()
    with pytest.raises(BrokerError) as raised:
        a.consumer.commit({IN: 5})
    assert raised.value.code == "UNKNOWN_MEMBER_ID"


def test_an_expired_position_is_an_error(stage: _Stage) -> None:
    for _ in range(3):
        stage.broker.publish("in", b"v")
    stage.broker.groups.group("g").offsets[IN] = 0
    stage.broker.log(IN).delete_before(2)
    a = stage.member()
    with pytest.raises(BrokerError) as raised:
        a.poll()
    assert raised.value.code == "_AUTO_OFFSET_RESET"
