from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord, TopicPartition
from consumer.kafka import KafkaAdmin, OffsetRange, RangeReader, find_ranges
from consumer.ports import BrokerError
from tests.broker.harness import (
    SECONDS,
    Broker,
    Topics,
    Transactions,
    make_topics,
    publish,
    uploads_of,
    wait_until,
)

Kafka = Callable[..., KafkaSettings]


def _read(reader: RangeReader) -> Iterator[InputRecord]:
    deadline = time.monotonic() + SECONDS
    while not reader.finished:
        yield from reader.poll_batch(7, 0.2)
        assert time.monotonic() < deadline, reader.position()


def _values(kafka: KafkaSettings, ranges: dict[TopicPartition, OffsetRange]) -> list[bytes]:
    with RangeReader(kafka, ranges, timeout_seconds=SECONDS) as reader:
        records = list(_read(reader))
        assert reader.position() == {partition: span.stop for partition, span in ranges.items()}
        assert reader.poll_batch(7, 0.0) == []
    return sorted(record.value or b"" for record in records)


def _numbers(count: int, *, start: int = 0) -> Iterable[bytes]:
    return (b"%04d" % number for number in range(start, start + count))


def _moment_between() -> datetime:
    """Give a moment that no record shares: their timestamps count milliseconds."""
    moment = datetime.now(UTC) + timedelta(milliseconds=20)
    wait_until(lambda: datetime.now(UTC) > moment + timedelta(milliseconds=20), what="the clock")
    return moment


def test_a_range_taken_now_ends_although_records_keep_coming(kafka: Kafka, topics: Topics) -> None:
    topic = uploads_of(topics)
    publish(kafka(), topic, _numbers(60))
    ranges = find_ranges(kafka(), [topic], timeout_seconds=SECONDS)
    publish(kafka(), topic, _numbers(60, start=60))
    assert _values(kafka(), ranges) == list(_numbers(60))
    assert len(find_ranges(kafka(), [topic], timeout_seconds=SECONDS)) == 3


def test_a_range_ends_at_transaction_markers_and_aborted_records(kafka: Kafka, broker: Broker) -> None:
    topics = make_topics(broker, partitions=1)
    transactions = Transactions.registered(kafka(), topics)
    for values, end in ((_numbers(3), "commit"), (_numbers(4, start=3), "abort")):
        transactions.begin(topics.labels, values)
        transactions.producer.flush(timeout_seconds=SECONDS)  # an abort drops what was not sent yet
        getattr(transactions, end)()
    ranges = find_ranges(kafka(), [topics.labels], timeout_seconds=SECONDS)
    ((partition, span),) = ranges.items()
    assert span == OffsetRange(0, 9)  # three and four records, a marker behind each
    assert _values(kafka(), ranges) == list(_numbers(3))
    # A stop amid the aborted records, with committed ones behind it.
    transactions.begin(topics.labels, _numbers(2, start=7))
    transactions.commit()
    assert _values(kafka(), {partition: OffsetRange(0, 6)}) == list(_numbers(3))
    assert _values(kafka(), {partition: OffsetRange(2, 10)}) == [b"0002", b"0007"]


def test_an_open_transaction_is_left_out_of_a_range_taken_now(kafka: Kafka, broker: Broker) -> None:
    topics = make_topics(broker, partitions=1)
    publish(kafka(), topics.labels, [b"before"])
    transactions = Transactions.registered(kafka(), topics)
    transactions.begin(topics.labels, [b"open"])
    transactions.producer.flush(timeout_seconds=SECONDS)
    ranges = find_ranges(kafka(), [topics.labels], timeout_seconds=SECONDS)
    assert _values(kafka(), ranges) == [b"before"]
    transactions.abort()


def test_a_range_whose_stop_never_comes_says_where_it_stands(kafka: Kafka, broker: Broker) -> None:
    topics = make_topics(broker, partitions=1)
    publish(kafka(), topics.labels, [b"only"])
    beyond = {TopicPartition(topics.labels, 0): OffsetRange(0, 5)}
    with RangeReader(kafka(), beyond, timeout_seconds=0.5) as reader:
        with pytest.raises(BrokerError, match="offset=1 stop=5") as caught:
            list(_read(reader))
        assert not reader.finished
    assert caught.value.code == "_TIMED_OUT"


def test_bounds_are_offsets_or_times_and_stay_within_what_is_there(kafka: Kafka, broker: Broker) -> None:
    topics = make_topics(broker, partitions=1)
    topic, partition = topics.labels, TopicPartition(topics.labels, 0)
    publish(kafka(), topic, _numbers(10))
    middle = _moment_between()
    publish(kafka(), topic, _numbers(10, start=10))
    hour = timedelta(hours=1)
    for since, until, expected in (
        (None, None, (0, 20)),
        (middle, None, (10, 20)),
        (None, middle, (0, 10)),
        (middle - hour, middle + hour, (0, 20)),
        (middle + hour, None, (20, 20)),
        (middle, middle - hour, (10, 10)),
        (3, 15, (3, 15)),
        (3, 1_000, (3, 20)),
        (1_000, None, (20, 20)),
        (15, middle, (15, 15)),
    ):
        found = find_ranges(kafka(), [topic], since=since, until=until, timeout_seconds=SECONDS)
        assert found == {partition: OffsetRange(*expected)}, (since, until)
    assert _values(kafka(), {partition: OffsetRange(20, 20)}) == []


def test_what_expired_within_a_range_is_passed_over(kafka: Kafka, broker: Broker) -> None:
    import confluent_kafka as ck  # noqa: PLC0415 - no part of ours deletes records

    topics = make_topics(broker, partitions=1)
    publish(kafka(), topics.labels, _numbers(10))
    ranges = find_ranges(kafka(), [topics.labels], timeout_seconds=SECONDS)
    admin = KafkaAdmin(kafka(), timeout_seconds=SECONDS)._client
    for before, left in ((6, list(_numbers(4, start=6))), (10, [])):
        futures = admin.delete_records([ck.TopicPartition(topics.labels, 0, before)])
        assert [future.result(SECONDS).low_watermark for future in futures.values()] == [before]
        assert _values(kafka(), ranges) == left
    ((_, span),) = find_ranges(kafka(), [topics.labels], since=2, timeout_seconds=SECONDS).items()
    assert span == OffsetRange(10, 10)


def test_a_missing_topic_is_named(kafka: Kafka, topics: Topics) -> None:
    with pytest.raises(BrokerError, match="no-such-topic") as caught:
        find_ranges(kafka(), ["no-such-topic"], timeout_seconds=SECONDS)
    assert caught.value.code == "UNKNOWN_TOPIC_OR_PART"


def test_bounds_that_make_no_sense_are_refused(kafka: Kafka) -> None:
    for since in (-1, datetime(2030, 1, 1)):
        with pytest.raises(ValueError, match=r"zone|negative"):
            find_ranges(kafka(), ["any"], since=since)
    with pytest.raises(ValueError, match="not a range"):
        OffsetRange(3, 2)
