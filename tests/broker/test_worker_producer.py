from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import pytest

from consumer.config import Delivery, KafkaSettings
from consumer.jobs import OutputRecord
from consumer.kafka import KafkaProducer
from consumer.ports import BrokerError
from tests.broker.harness import SECONDS, Member, Topics, Transactions, publish, read_all, uploads_of

Kafka = Callable[..., KafkaSettings]


def test_committed_records_are_visible_and_were_reported_as_delivered(kafka: Kafka, topics: Topics) -> None:
    transactions = Transactions.registered(kafka(), topics)
    reports = transactions.begin(topics.labels, [b"a", b"b"])
    transactions.commit()
    assert reports == [None, None]
    assert sorted(record.value or b"" for record in read_all(kafka(), topics.labels)) == [b"a", b"b"]


def test_aborted_records_are_invisible_and_the_next_transaction_is_not(kafka: Kafka, topics: Topics) -> None:
    transactions = Transactions.registered(kafka(), topics)
    transactions.begin(topics.labels, [b"aborted"])
    transactions.abort()
    transactions.begin(topics.labels, [b"kept"])
    transactions.commit()
    assert [record.value for record in read_all(kafka(), topics.labels)] == [b"kept"]


def test_an_open_transaction_is_invisible_until_it_is_committed(kafka: Kafka, topics: Topics) -> None:
    transactions = Transactions.registered(kafka(), topics)
    transactions.begin(topics.labels, [b"a"])
    assert transactions.producer.flush(timeout_seconds=SECONDS) == 0
    assert read_all(kafka(), topics.labels) == []
    transactions.commit()
    assert len(read_all(kafka(), topics.labels)) == 1


def test_offsets_are_committed_with_the_transaction_or_not_at_all(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    settings = kafka(group_protocol=protocol)
    publish(settings, uploads_of(topics), [b"1", b"2", b"3"])
    member = Member.joining(settings, [uploads_of(topics)])
    first = member.poll_for(3)[0]
    transactions = Transactions.registered(settings, topics)
    offsets = {first.topic_partition: first.offset + 1}

    def send() -> None:
        transactions.producer.send_offsets(
            offsets, metadata=member.consumer.group_metadata(), timeout_seconds=SECONDS
        )

    transactions.begin(topics.labels, [b"aborted"])
    send()
    transactions.abort()
    read = member.consumer.committed([first.topic_partition], timeout_seconds=SECONDS)
    assert read == {}
    transactions.begin(topics.labels, [b"kept"])
    send()
    transactions.commit()
    read = member.consumer.committed([first.topic_partition], timeout_seconds=SECONDS)
    assert read == offsets
    member.consumer.close()


def test_offsets_of_a_former_member_are_refused_and_the_transaction_must_be_aborted(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    settings = kafka(group_protocol=protocol)
    publish(settings, uploads_of(topics), [b"1"])
    member = Member.joining(settings, [uploads_of(topics)])
    record = member.poll_for(1)[0]
    before = member.consumer.group_metadata()
    member.consumer.close()
    other = Member.joining(settings, [uploads_of(topics)])
    other.poll_until(lambda: len(other.assigned) == 3, what="the other member's assignment")
    transactions = Transactions.registered(settings, topics)
    transactions.begin(topics.labels, [b"stale"])
    with pytest.raises(BrokerError) as caught:
        transactions.producer.send_offsets(
            {record.topic_partition: record.offset + 1}, metadata=before, timeout_seconds=SECONDS
        )
    assert caught.value.requires_abort
    assert not caught.value.fatal
    transactions.abort()
    assert read_all(settings, topics.labels) == []
    assert other.consumer.committed([record.topic_partition], timeout_seconds=SECONDS) == {}
    other.consumer.close()


def test_a_twin_fences_the_earlier_holder_of_the_transactional_id(kafka: Kafka, topics: Topics) -> None:
    first = Transactions.registered(kafka(), topics)
    first.begin(topics.labels, [b"first"])
    first.producer.flush(timeout_seconds=SECONDS)
    second = Transactions.registered(kafka(), topics)
    with pytest.raises(BrokerError) as caught:
        first.commit()
    assert caught.value.fatal
    assert caught.value.code == "_FENCED"
    second.begin(topics.labels, [b"second"])
    second.commit()
    first.producer.close()
    assert [record.value for record in read_all(kafka(), topics.labels)] == [b"second"]


def test_a_new_producer_ends_what_a_dead_one_left_open(kafka: Kafka, topics: Topics) -> None:
    dead = Transactions.registered(kafka(), topics)
    dead.begin(topics.labels, [b"left open"])
    dead.producer.flush(timeout_seconds=SECONDS)
    dead.producer.close()
    heir = Transactions.registered(kafka(), topics)
    heir.begin(topics.labels, [b"heir"])
    heir.commit()
    assert [record.value for record in read_all(kafka(), topics.labels)] == [b"heir"]


def test_slots_have_transactional_ids_of_their_own(kafka: Kafka, topics: Topics) -> None:
    first = Transactions.registered(kafka(slot=0), topics)
    second = Transactions.registered(kafka(slot=1), topics)
    for transactions, value in ((first, b"0"), (second, b"1")):
        transactions.begin(topics.labels, [value])
        transactions.commit()
    assert len(read_all(kafka(), topics.labels)) == 2


def test_a_record_over_the_client_limit_is_refused_and_the_transaction_goes_on(
    kafka: Kafka, topics: Topics
) -> None:
    transactions = Transactions.registered(kafka(), topics)
    transactions.producer.begin_transaction()
    with pytest.raises(BrokerError) as caught:
        transactions.producer.produce(
            OutputRecord(topics.features, key=None, value=bytes(topics.max_feature_bytes + 1)),
            on_delivery=lambda _: None,
        )
    assert caught.value.code == "MSG_SIZE_TOO_LARGE"
    assert not caught.value.retriable
    transactions.producer.produce(
        OutputRecord(topics.labels, key=None, value=b"small"), on_delivery=lambda _: None
    )
    transactions.commit()
    assert len(read_all(kafka(), topics.labels)) == 1


def test_a_record_over_the_topic_limit_fails_its_whole_transaction(kafka: Kafka, topics: Topics) -> None:
    transactions = Transactions.registered(kafka(), topics)
    large = os.urandom(
        topics.max_message_bytes + 1_000
    )  # not compressible, and under the dead letters' limit
    reports = transactions.begin(topics.labels, [b"small", large])
    with pytest.raises(BrokerError) as caught:
        transactions.commit()
    assert caught.value.requires_abort
    assert any(report is not None and report.code == "MSG_SIZE_TOO_LARGE" for report in reports)
    transactions.abort()
    assert read_all(kafka(), topics.labels) == []


def test_the_dead_letter_topic_takes_the_largest_upload_with_headers(kafka: Kafka, topics: Topics) -> None:
    value = os.urandom(topics.max_message_bytes - 200)
    publish(kafka(), uploads_of(topics), [value])
    transactions = Transactions.registered(kafka(), topics)
    transactions.producer.begin_transaction()
    transactions.producer.produce(
        OutputRecord(topics.dead_letters, key=b"k" * 64, value=value, headers=(("why", b"w" * 60_000),)),
        on_delivery=lambda _: None,
    )
    transactions.commit()
    (letter,) = read_all(kafka(), topics.dead_letters)
    assert letter.value == value
    assert dict(letter.headers)["why"] == b"w" * 60_000


def test_many_small_labels_beside_a_large_dead_letter_make_no_batch_too_large(
    kafka: Kafka, topics: Topics
) -> None:
    transactions = Transactions.registered(kafka(), topics)
    labels = [os.urandom(50_000) for _ in range(60)]
    transactions.begin(topics.labels, labels)
    transactions.commit()
    assert len(read_all(kafka(), topics.labels)) == 60


def test_a_timed_out_call_says_that_it_may_be_made_again(topics: Topics) -> None:
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:9", group="nobody")
    producer = KafkaProducer(nowhere, topics=topics)
    with pytest.raises(BrokerError) as caught:
        producer.init_transactions(timeout_seconds=0.2)
    assert caught.value.retriable
    assert not caught.value.fatal
    producer.close()


def test_at_least_once_needs_no_transaction(kafka: Kafka, topics: Topics) -> None:
    producer = KafkaProducer(kafka(delivery=Delivery.AT_LEAST_ONCE), topics=topics)
    reports: list[BrokerError | None] = []
    producer.produce(OutputRecord(topics.labels, key=b"k", value=b"v"), on_delivery=reports.append)
    assert producer.flush(timeout_seconds=SECONDS) == 0
    assert reports == [None]
    producer.close()
    (record,) = read_all(kafka(), topics.labels)
    assert (record.key, record.value) == (b"k", b"v")


def test_a_worker_with_the_transactional_id_of_a_closed_one_goes_on(kafka: Kafka, topics: Topics) -> None:
    for value in (b"1", b"2"):
        transactions = Transactions.registered(kafka(), topics)
        transactions.begin(topics.labels, [value])
        transactions.commit()
        with contextlib.closing(transactions.producer):
            pass
    assert len(read_all(kafka(), topics.labels)) == 2
