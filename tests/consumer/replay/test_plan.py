from __future__ import annotations

import pytest

from consumer.config import Delivery, KafkaSettings, Settings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.kafka import CommittedOffset, properties
from consumer.replay.book import Wish, check_wish
from consumer.replay.plan import Plan, member_settings, read_plan, replay_group
from tests.consumer.replay.plans import TERMS, plan_of


def _committed(plan: Plan) -> dict[TopicPartition, CommittedOffset]:
    return {partition: CommittedOffset(7, note) for partition, note in plan.notes.items()}


def test_a_plan_is_read_back_from_the_notes_beside_the_offsets() -> None:
    plan = plan_of(10, 0, 4_000_000_000)
    read = read_plan(_committed(plan), replay_id="r1", group=plan.group)
    assert read == plan
    assert plan.total == 4_000_000_010
    assert plan.topics == ("track-uploads",)
    # The broker keeps 4,096 bytes beside an offset by default.
    assert max(len(note) for note in plan.notes.values()) < 1_024


def test_a_group_without_offsets_holds_no_plan() -> None:
    assert read_plan({}, replay_id="r1", group="g") is None


@pytest.mark.parametrize("note", ["", "somebody's own", '{"v": 2}', '{"v": 1, "start": 3, "stop": 1}'])
def test_offsets_of_somebody_else_are_no_plan(note: str) -> None:
    committed = {**_committed(plan_of(10)), TopicPartition("track-uploads", 9): CommittedOffset(3, note)}
    with pytest.raises(SettingsError, match="another --replay-id"):
        read_plan(committed, replay_id="r1", group="g")


def test_offsets_of_two_replays_are_no_plan() -> None:
    other = plan_of(10, topic="other", terms=TERMS.model_copy(update={"version": "2.0.0"}))
    with pytest.raises(SettingsError, match="two replays"):
        read_plan(_committed(plan_of(10)) | _committed(other), replay_id="r1", group="g")


@pytest.mark.parametrize("replay_id", ["", "a b", "../x", "ü", "x" * 65, "-x"])
def test_an_id_that_no_group_can_carry_is_refused(replay_id: str) -> None:
    with pytest.raises(SettingsError, match="replay id"):
        replay_group(KafkaSettings(), replay_id=replay_id)


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        (Wish(source="features"), "--source uploads, not features"),
        (Wish(model="other"), "--model gtzan57-mlp, not other"),
        (Wish(version="2.0.0"), "--model 1.2.3, not 2.0.0"),
        (Wish(since="8d"), "--from 7d, not 8d"),
        (Wish(until="1h"), r"--to \(none\), not 1h"),
        (Wish(newest=False), "--all-uploads off, not on"),
    ],
)
def test_what_contradicts_the_plan_is_named(wish: Wish, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        check_wish(wish, plan_of(10))


def test_what_was_not_typed_or_agrees_contradicts_nothing() -> None:
    check_wish(Wish(), plan_of(10))
    check_wish(Wish("uploads", "gtzan57-mlp", "1.2.3", newest=True, since="7d"), plan_of(10))
    check_wish(Wish(version="latest"), plan_of(10))


def test_a_process_of_a_replay_shares_nothing_with_the_live_workers_but_their_topics() -> None:
    live = Settings.model_validate(
        {
            "kafka": {
                "transactional_id": "worker-0",
                "delivery": "at_least_once",
                "properties": {"group.instance.id": "worker-0", "security.protocol": "ssl"},
                "producer_properties": {"transactional.id": "worker-0"},
                "consumer_properties": {"auto.offset.reset": "latest"},
            },
            "topics": {"uploads": {"track-uploads": "track_uploaded", "others": "track_uploaded"}},
            "worker": {"feature_log": True},
        }
    )
    member = member_settings(live, plan_of(10), transactional_id="mine")
    consumer = properties.group_consumer(member.kafka)
    producer = properties.worker_producer(member.kafka, member.topics)
    assert consumer["group.id"] == "genrestream.relabel.r1"
    assert consumer["auto.offset.reset"] == "earliest"
    assert "group.instance.id" not in consumer
    assert producer["transactional.id"] == "mine"
    assert consumer["security.protocol"] == producer["security.protocol"] == "ssl"
    assert producer["compression.type"] == "lz4"
    assert member.kafka.delivery is Delivery.EXACTLY_ONCE
    assert member.topics.inputs == ("track-uploads",)
    assert member.topics.labels == live.topics.labels
    assert (member.model.name, member.model.version) == ("gtzan57-mlp", "1.2.3")
    assert not member.worker.feature_log


@pytest.mark.parametrize("whose", ["properties", "producer_properties"])
def test_what_the_operator_says_of_compression_holds_for_a_replay_too(whose: str) -> None:
    live = Settings.model_validate({"kafka": {whose: {"compression.type": "zstd"}}})
    member = member_settings(live, plan_of(10), transactional_id="mine")
    assert properties.worker_producer(member.kafka, member.topics)["compression.type"] == "zstd"
