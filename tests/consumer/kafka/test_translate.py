from __future__ import annotations

import struct

import confluent_kafka as ck
import pytest

from consumer.config import KafkaSettings
from consumer.errors import SettingsError
from consumer.jobs import TopicPartition
from consumer.kafka import KafkaAdmin, KafkaConsumer, KafkaProducer
from consumer.kafka.translate import group_metadata, input_record, translated
from consumer.ports import BrokerError
from consumer.topic_settings import TopicSettings

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", properties={"log_level": 0})


def _serialised(generation: int, member: str) -> bytes:
    return b"CGMDv2:" + struct.pack("=i", generation) + b"group\0" + member.encode() + b"\0\x01"


def test_an_error_keeps_its_name_and_what_may_be_done_about_it() -> None:
    error = ck.KafkaError(ck.KafkaError._TIMED_OUT, "too slow", retriable=True)
    with pytest.raises(BrokerError, match=r"commit: too slow \(_TIMED_OUT\)") as caught, translated("commit"):
        raise ck.KafkaException(error)
    found = caught.value
    assert (found.code, found.retriable, found.requires_abort, found.fatal) == (
        "_TIMED_OUT",
        True,
        False,
        False,
    )


def test_fatal_and_abortable_errors_are_told_apart() -> None:
    for flags in ({"fatal": True}, {"txn_requires_abort": True}):
        error = ck.KafkaError(ck.KafkaError._FENCED, "fenced", **flags)
        with pytest.raises(BrokerError) as caught, translated("commit"):
            raise ck.KafkaException(error)
        assert caught.value.fatal is flags.get("fatal", False)
        assert caught.value.requires_abort is flags.get("txn_requires_abort", False)


def test_a_full_queue_may_be_tried_again() -> None:
    with pytest.raises(BrokerError) as caught, translated("produce"):
        raise BufferError("Local: Queue full")
    assert caught.value.retriable
    assert caught.value.code == "_QUEUE_FULL"


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        (ck.KafkaError.TOPIC_AUTHORIZATION_FAILED, True),
        (ck.KafkaError.GROUP_AUTHORIZATION_FAILED, True),
        (ck.KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, True),
        (ck.KafkaError.CLUSTER_AUTHORIZATION_FAILED, True),
        (ck.KafkaError.SASL_AUTHENTICATION_FAILED, True),
        (ck.KafkaError._AUTHENTICATION, True),
        (ck.KafkaError._TRANSPORT, False),
        (ck.KafkaError.UNKNOWN_TOPIC_OR_PART, False),
    ],
)
def test_refused_credentials_are_recognised(code: int, refused: bool) -> None:
    with pytest.raises(BrokerError) as caught, translated("poll"):
        raise ck.KafkaException(ck.KafkaError(code))
    assert caught.value.is_authorization is refused


def test_the_installed_client_writes_group_metadata_in_the_form_we_read() -> None:
    consumer = KafkaConsumer(NOWHERE)
    metadata = consumer.group_metadata()
    assert (metadata.member_id, metadata.generation) == ("", -1)
    consumer.close()


@pytest.mark.parametrize(("generation", "member"), [(1, "rdkafka-1"), (2**31 - 1, "Ä"), (0, ""), (-1, "")])
def test_group_metadata_gives_member_and_generation(generation: int, member: str) -> None:
    handle = _serialised(generation, member)
    found = group_metadata(handle)
    assert (found.member_id, found.generation, found.handle) == (member, generation, handle)


def test_no_group_metadata_is_no_membership() -> None:
    assert group_metadata(None).generation == -1


@pytest.mark.parametrize("handle", [b"CGMDv3:" + b"\0" * 20, b"", object()])
def test_an_unknown_form_of_group_metadata_is_an_error_and_never_a_guess(handle: object) -> None:
    with pytest.raises(BrokerError, match="confluent-kafka"):
        group_metadata(handle)


def test_a_message_becomes_a_record_with_its_bytes_untouched() -> None:
    message: ck.Message = ck.Message(
        topic="t",
        partition=2,
        offset=7,
        key=b"\xff",
        value=b"",
        headers=[("a", b"1"), ("a", None), ("b", b"\0")],
        timestamp=(1, 1_700_000_000_123),
    )
    record = input_record(message)
    assert record.topic_partition == TopicPartition("t", 2)
    assert (record.offset, record.key, record.value) == (7, b"\xff", b"")
    assert record.headers == (("a", b"1"), ("a", None), ("b", b"\0"))
    assert record.timestamp_ms == 1_700_000_000_123


def test_a_property_that_librdkafka_does_not_know_is_a_bad_setting_of_every_client() -> None:
    settings = NOWHERE.model_copy(update={"properties": {"bootstrap.server": "typo"}})
    for make in (
        lambda: KafkaConsumer(settings),
        lambda: KafkaProducer(settings, topics=TopicSettings()),
        lambda: KafkaAdmin(settings),
    ):
        with pytest.raises(SettingsError, match=r"bootstrap\.server"):
            make()


def test_a_broker_that_is_not_there_is_named_with_what_was_heard() -> None:
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1.*refused"):
        KafkaAdmin(NOWHERE, timeout_seconds=0.3).cluster()
