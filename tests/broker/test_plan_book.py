from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from consumer.config import KafkaSettings, Settings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.kafka import GroupOffsets, KafkaProducer, OffsetRange
from consumer.replay.book import PlanBook
from consumer.replay.plan import Plan, member_settings
from tests.broker.harness import SECONDS, Topics, unique, uploads_of
from tests.consumer.replay.plans import TERMS

Kafka = Callable[..., KafkaSettings]


@pytest.fixture
def settings_(kafka: Kafka, topics: Topics) -> Settings:
    return Settings(kafka=kafka(), topics=topics)


def _ranges(topics: Topics, *, stop: int) -> dict[TopicPartition, OffsetRange]:
    return {TopicPartition(uploads_of(topics), number): OffsetRange(0, stop) for number in range(3)}


def test_of_processes_that_plan_at_once_one_wins_and_all_agree(settings_: Settings, topics: Topics) -> None:
    together = Barrier(4)

    def write(stop: int) -> Plan:
        book = PlanBook(settings_, replay_id="shared")
        assert book.find() is None
        together.wait(SECONDS)
        return book.write(TERMS, _ranges(topics, stop=stop))

    with ThreadPoolExecutor(4) as threads:
        plans = list(threads.map(write, (10, 11, 12, 13)))
    found = PlanBook(settings_, replay_id="shared").find()
    assert found is not None
    assert all(plan == found for plan in plans)
    assert len({span.stop for span in found.ranges.values()}) == 1


def test_a_process_that_died_while_it_planned_leaves_nothing(settings_: Settings, topics: Topics) -> None:
    book = PlanBook(settings_, replay_id="died")
    dead = KafkaProducer(book._kafka, topics=topics)
    dead.init_transactions(timeout_seconds=SECONDS)
    dead.begin_transaction()
    starts = dict.fromkeys(_ranges(topics, stop=1), 0)
    dead.send_offsets(starts, metadata=book._offsets.outsider(), timeout_seconds=SECONDS)
    assert book.find() is None
    plan = book.write(TERMS, _ranges(topics, stop=20))
    assert plan == PlanBook(settings_, replay_id="died").find()
    assert {span.stop for span in plan.ranges.values()} == {20}


def test_progress_moves_and_the_plan_stays(settings_: Settings, topics: Topics) -> None:
    book = PlanBook(settings_, replay_id="progress")
    plan = book.write(TERMS, _ranges(topics, stop=20))
    member = member_settings(settings_, plan, transactional_id=unique("member"))
    offsets = GroupOffsets(member.kafka)
    producer = KafkaProducer(member.kafka, topics=topics, notes=plan.notes)
    producer.init_transactions(timeout_seconds=SECONDS)
    producer.begin_transaction()
    moved = {TopicPartition(uploads_of(topics), 1): 15}
    producer.send_offsets(moved, metadata=offsets.outsider(), timeout_seconds=SECONDS)
    producer.commit_transaction(timeout_seconds=SECONDS)
    stable = offsets.read_stable(list(plan.ranges), timeout_seconds=SECONDS)
    assert [stable[partition].offset for partition in plan.ranges] == [0, 15, 0]
    assert book.find() == plan
    assert book.write(TERMS, _ranges(topics, stop=99)) == plan


def test_a_group_that_is_no_replays_is_left_alone(settings_: Settings, topics: Topics) -> None:
    book = PlanBook(settings_, replay_id="foreign")
    foreign = KafkaProducer(
        book._kafka.model_copy(update={"transactional_id": unique("foreign")}), topics=topics
    )
    foreign.init_transactions(timeout_seconds=SECONDS)
    foreign.begin_transaction()
    foreign.send_offsets(
        dict.fromkeys(_ranges(topics, stop=1), 5),
        metadata=book._offsets.outsider(),
        timeout_seconds=SECONDS,
    )
    foreign.commit_transaction(timeout_seconds=SECONDS)
    with pytest.raises(SettingsError, match="another --replay-id"):
        book.write(TERMS, _ranges(topics, stop=1))
