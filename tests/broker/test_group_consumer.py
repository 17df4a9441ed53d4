from __future__ import annotations

import time
from collections.abc import Callable

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient

from consumer.config import Delivery, KafkaSettings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.kafka import KafkaConsumer
from consumer.ports import BrokerError
from tests.broker.harness import (
    SECONDS,
    Broker,
    Member,
    Topics,
    Transactions,
    publish,
    uploads_of,
)

Kafka = Callable[..., KafkaSettings]


def _expire(broker: Broker, partition: TopicPartition, *, before: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    where = ck.TopicPartition(*partition, before)
    admin.delete_records([where])[where].result(SECONDS)


def test_a_new_group_reads_every_partition_from_its_beginning(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    published = [b"%d" % i for i in range(30)]
    publish(kafka(), uploads_of(topics), published)
    member = Member.joining(kafka(group_protocol=protocol), [uploads_of(topics)])
    records = member.poll_for(30)
    assert {record.value for record in records} == set(published)
    assert {record.topic_partition.partition for record in records} == {0, 1, 2}
    assert all(abs(record.timestamp_ms / 1_000 - time.time()) < 60 for record in records)
    member.consumer.close()


def test_a_new_group_sees_what_arrives_after_it_joined(kafka: Kafka, topics: Topics, protocol: str) -> None:
    member = Member.joining(kafka(group_protocol=protocol), [uploads_of(topics)])
    member.poll_until(lambda: len(member.assigned) == 3, what="assignment")
    publish(kafka(), uploads_of(topics), [b"late"])
    assert member.poll_for(1)[0].value == b"late"
    member.consumer.close()


def test_a_member_goes_on_where_the_group_committed(kafka: Kafka, topics: Topics, protocol: str) -> None:
    settings = kafka(group_protocol=protocol, delivery=Delivery.AT_LEAST_ONCE)
    publish(settings, uploads_of(topics), [b"%d" % i for i in range(12)])
    first = Member.joining(settings, [uploads_of(topics)])
    first.poll_for(12)
    done = {r.topic_partition: r.offset for r in first.records}  # the last of each partition is not done
    first.consumer.commit(done)
    first.consumer.close()
    second = Member.joining(settings, [uploads_of(topics)])
    second.poll_for(len(done))
    assert {r.topic_partition: r.offset for r in second.records} == done
    assert len(second.records) == len(done)
    second.consumer.close()


def test_expired_committed_offsets_are_an_error_that_says_what_to_do(
    broker: Broker, kafka: Kafka, topics: Topics, protocol: str
) -> None:
    settings = kafka(group_protocol=protocol)
    publish(settings, uploads_of(topics), [b"%d" % i for i in range(30)])
    member = Member.joining(settings, [uploads_of(topics)])
    here = member.poll_for(30)[0].topic_partition
    member.consumer.commit({here: 2})
    member.consumer.close()
    _expire(broker, here, before=4)
    late = Member.joining(settings, [uploads_of(topics)])
    with pytest.raises(BrokerError, match=rf"partition={here.partition} offset=2.*--reset-offsets") as caught:
        late.poll_until(lambda: False, what="the error")
    assert not caught.value.retriable
    assert all(record.topic_partition != here for record in late.records)
    late.consumer.close()


def test_membership_is_readable_from_the_first_assignment_on(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    consumer = KafkaConsumer(kafka(group_protocol=protocol))
    assert consumer.group_metadata().generation <= 0
    consumer.close()
    member = Member.joining(kafka(group_protocol=protocol), [uploads_of(topics)])
    member.poll_until(lambda: len(member.assigned) == 3, what="assignment")
    metadata = member.consumer.group_metadata()
    assert metadata.generation > 0
    assert metadata.member_id == member.consumer._client.memberid()
    member.consumer.close()


def test_a_second_member_takes_over_partitions_and_the_others_stay(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    settings = kafka(group_protocol=protocol)
    first = Member.joining(settings, [uploads_of(topics)])
    first.poll_until(lambda: len(first.assigned) == 3, what="the first member's assignment")
    second = Member.joining(settings, [uploads_of(topics)])

    def shared() -> bool:
        second.poll()
        return len(second.assigned) == 1 and len(first.assigned) == 2

    first.poll_until(shared, what="the partitions being shared")
    assert first.revoked == list(second.assigned)  # only what moved was revoked: cooperative
    assert first.lost == []
    second.consumer.close()
    first.poll_until(lambda: len(first.assigned) == 3, what="everything back after the second left")
    first.consumer.close()


def test_a_member_that_did_not_poll_in_time_does_not_pass_for_one(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    interval = kafka().session_timeout_seconds + 0.5  # librdkafka takes none below the session
    settings = kafka(group_protocol=protocol, max_poll_interval_seconds=interval)
    sleeper = Member.joining(settings, [uploads_of(topics)])
    sleeper.poll_until(lambda: len(sleeper.assigned) == 3, what="assignment")
    other = Member.joining(settings, [uploads_of(topics)])
    other.poll_until(lambda: len(other.assigned) == 3, what="the other's takeover", seconds=60)
    held = set(sleeper.assigned)
    while held - set(sleeper.revoked) - set(sleeper.lost):  # as long as it believes to hold some of them
        sleeper.poll(0.1)
        metadata = sleeper.consumer.group_metadata()
        still_holds = held - set(sleeper.revoked) - set(sleeper.lost)
        assert not still_holds or not metadata.member_id or metadata.generation <= 0
    told = [trouble.code for trouble in sleeper.troubles]
    # Under KIP-848 the broker counts the interval too: if it is first, it fences the member without an error.
    assert told == ["_MAX_POLL_EXCEEDED"] or (protocol == "consumer" and not told)

    def has_some_again() -> bool:
        other.poll()
        return bool(sleeper.assigned)

    sleeper.poll_until(has_some_again, what="partitions for the returned member")
    metadata = sleeper.consumer.group_metadata()
    assert metadata.member_id
    assert metadata.generation > 0
    sleeper.consumer.close()
    other.consumer.close()


def test_paused_partitions_are_silent_until_resumed(kafka: Kafka, topics: Topics) -> None:
    member = Member.joining(kafka(), [uploads_of(topics)])
    member.poll_until(lambda: len(member.assigned) == 3, what="assignment")
    silent, *others = sorted(member.assigned)
    member.consumer.pause([silent])
    values = [b"%d" % i for i in range(30)]
    publish(kafka(), uploads_of(topics), values)

    def heard() -> set[TopicPartition]:
        return {record.topic_partition for record in member.records}

    member.poll_until(lambda: heard() == set(others), what="the other partitions")
    for _ in range(10):
        member.poll()
    assert silent not in heard()
    member.consumer.resume([silent])
    member.poll_for(30)
    assert silent in heard()
    member.consumer.close()


def test_lag_is_what_was_not_read_and_nothing_once_all_was_read(kafka: Kafka, topics: Topics) -> None:
    settings = kafka(consumer_properties={"statistics.interval.ms": 100, "queued.min.messages": 1})
    # Records of transactions: their markers are no records and must not count as lag.
    transactions = Transactions.registered(settings, topics)
    for value in (b"1", b"2"):
        transactions.begin(uploads_of(topics), [value])
        transactions.commit()
    member = Member.joining(settings, [uploads_of(topics)])
    member.poll_for(2)

    def lag() -> int:
        found = member.consumer.lag()
        return sum(found.values()) if len(found) == 3 else -1

    member.poll_until(lambda: lag() == 0, what="no lag after everything was read")
    publish(settings, uploads_of(topics), [b"%d" % i for i in range(60)])
    member.poll_for(3)
    member.consumer.pause(sorted(member.assigned))  # the client knows the ends of some partitions at least
    member.poll_until(lambda: 0 < lag() <= 62 - len(member.records), what="lag while paused")
    member.consumer.resume(sorted(member.assigned))
    member.poll_for(62)
    member.poll_until(lambda: lag() == 0, what="no lag at the end")
    member.consumer.close()


def test_a_missing_topic_is_a_passing_trouble_that_ends_when_it_is_created(
    kafka: Kafka, topics: Topics
) -> None:
    settings = kafka(consumer_properties={"topic.metadata.refresh.interval.ms": 500})
    member = Member.joining(settings, ["no-such-topic", uploads_of(topics)])
    member.poll_until(lambda: bool(member.troubles), what="the report of the missing topic")
    assert member.troubles[0].code == "UNKNOWN_TOPIC_OR_PART"
    assert "no-such-topic" in str(member.troubles[0])
    member.poll_until(lambda: len(member.assigned) == 3, what="the other topic's partitions")
    member.consumer.close()


def test_kip_848_refuses_settings_of_the_classic_protocol(kafka: Kafka) -> None:
    with pytest.raises(SettingsError, match=r"session\.timeout\.ms"):
        KafkaConsumer(kafka(group_protocol="consumer", consumer_properties={"session.timeout.ms": 6_000}))


def test_a_member_that_ends_is_gone_at_once(kafka: Kafka, topics: Topics, protocol: str) -> None:
    settings = kafka(group_protocol=protocol, session_timeout_seconds=45.0)
    first = Member.joining(settings, [uploads_of(topics)])
    first.poll_until(lambda: len(first.assigned) == 3, what="assignment")
    started = time.monotonic()
    first.consumer.close()
    assert len(first.revoked) == 3
    second = Member.joining(settings, [uploads_of(topics)])
    second.poll_until(lambda: len(second.assigned) == 3, what="takeover")
    assert time.monotonic() - started < 15  # far under the session's 45 s
    second.consumer.close()
