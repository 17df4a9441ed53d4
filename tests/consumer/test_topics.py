from __future__ import annotations

from dataclasses import replace

import pytest

from consumer.ports import BrokerError
from consumer.topic_settings import TopicSettings
from consumer.topics import TopicDefinition, TopicDescription, TopicState, create, definitions, inspect

SETTINGS = TopicSettings()


class FakeAdmin:
    """A cluster that keeps what is created."""

    def __init__(self, *existing: TopicDescription) -> None:
        self.topics = {topic.name: topic for topic in existing}
        self.created: list[str] = []
        self.refuse: BrokerError | None = None

    def describe(self, names: object) -> dict[str, TopicDescription]:
        return dict(self.topics)

    def create(self, definition: TopicDefinition) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.created.append(definition.name)
        self.topics[definition.name] = _as_defined(definition)


def _as_defined(definition: TopicDefinition) -> TopicDescription:
    config = {**definition.config, "segment.bytes": "1073741824"}
    return TopicDescription(definition.name, definition.partitions, definition.replication or 1, config)


def _definition(name: str) -> TopicDefinition:
    return next(definition for definition in definitions(SETTINGS) if definition.name == name)


def test_every_topic_of_the_settings_is_defined_once() -> None:
    names = [definition.name for definition in definitions(SETTINGS)]
    expected = [*SETTINGS.inputs, SETTINGS.labels, SETTINGS.dead_letters, SETTINGS.features]
    assert sorted(names) == sorted(expected)


def test_labels_are_kept_for_ever_and_never_compacted() -> None:
    config = _definition(SETTINGS.labels).config
    assert config["retention.ms"] == config["retention.bytes"] == "-1"
    assert config["cleanup.policy"] == "delete"


def test_the_feature_log_keeps_one_record_a_track_and_takes_hours_of_audio() -> None:
    definition = _definition(SETTINGS.features)
    assert definition.config["cleanup.policy"] == "compact"
    assert int(definition.config["max.message.bytes"]) == 4 * 1024 * 1024
    assert definition.partitions == _definition("track-uploads").partitions


def test_the_dead_letter_topic_takes_an_upload_and_64_kib_of_headers() -> None:
    uploads = int(_definition("track-uploads").config["max.message.bytes"])
    assert int(_definition(SETTINGS.dead_letters).config["max.message.bytes"]) == uploads + 65_536


def test_retries_outlive_their_delays() -> None:
    for retry in SETTINGS.retries:
        assert int(_definition(retry.topic).config["retention.ms"]) > 24 * retry.delay_seconds * 1_000


def test_retry_topics_take_no_members_from_the_uploads() -> None:
    # Partitions are shared out by number: few of the side topics' leave the uploads evenly spread.
    found = definitions(SETTINGS, partitions=12)
    side = sum(topic.partitions for topic in found if topic.name in {r.topic for r in SETTINGS.retries})
    assert side * 4 <= 12


def test_missing_topics_are_created_and_a_second_time_they_exist() -> None:
    admin = FakeAdmin()
    wanted = definitions(SETTINGS, partitions=3)
    assert {report.state for report in create(admin, wanted)} == {TopicState.CREATED}
    assert {report.state for report in create(admin, wanted)} == {TopicState.EXISTS}
    assert len(admin.created) == len(wanted)


def test_a_topic_that_differs_says_how_and_is_left_alone() -> None:
    wanted = _definition(SETTINGS.labels)
    config = {**wanted.config, "cleanup.policy": "compact"}
    admin = FakeAdmin(replace(_as_defined(wanted), partitions=1, config=config))
    (report,) = create(admin, [replace(wanted, replication=3)])
    assert report.state is TopicState.DIFFERS
    assert report.differences == (
        "partitions: 1, expected 12",
        "replication: 1, expected 3",
        "cleanup.policy: compact, expected delete",
    )
    assert admin.created == []


def test_replication_that_was_left_to_the_broker_never_differs() -> None:
    wanted = _definition(SETTINGS.labels)
    (report,) = inspect(FakeAdmin(replace(_as_defined(wanted), replication=5)), [wanted])
    assert report.state is TopicState.EXISTS


def test_inspection_changes_nothing() -> None:
    admin = FakeAdmin()
    assert {report.state for report in inspect(admin, definitions(SETTINGS))} == {TopicState.MISSING}
    assert admin.created == []


def test_a_topic_that_somebody_else_creates_meanwhile_exists() -> None:
    admin = FakeAdmin()
    admin.refuse = BrokerError("there", code="TOPIC_ALREADY_EXISTS")
    assert {report.state for report in create(admin, definitions(SETTINGS))} == {TopicState.EXISTS}


def test_a_refusal_is_raised() -> None:
    admin = FakeAdmin()
    admin.refuse = BrokerError("no", code="CLUSTER_AUTHORIZATION_FAILED")
    with pytest.raises(BrokerError, match="no"):
        create(admin, definitions(SETTINGS))
