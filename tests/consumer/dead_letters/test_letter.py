"""A dead letter is told from a marker and from a stranger, whatever headers its upload had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.dead_letters.letter import LetterPlace, read_letter
from consumer.dead_letters.parcel import Packer, Parcel
from consumer.errors import AudioNotFoundError
from consumer.jobs import Headers, InputRecord, TopicPartition
from consumer.loop.adapters import Reader
from consumer.loop.outcomes import Settler
from consumer.loop.provenance import dead_letter_headers, is_marker, provenance_of_upload
from consumer.topic_settings import TopicSettings
from tests.consumer.records import NOW, case_of, settings_with, upload_record

TOPICS = TopicSettings(uploads={"uploads": "track_uploaded", "events": "cloud_event"})
NAMES = st.sampled_from(["reason", "redriven", "truncated", "replay-id", "redrive-count", "traceparent"])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=5)), max_size=6).map(tuple)


def _dead(original: InputRecord, *, event_id: str | None = None) -> InputRecord:
    headers = dead_letter_headers(
        provenance_of_upload(original), AudioNotFoundError("gone"), now=NOW, event_id=event_id
    )
    return InputRecord(TopicPartition(TOPICS.dead_letters, 0), 3, original.key, original.value, headers)


@settings(max_examples=60)
@given(headers=HEADERS, value=st.none() | st.binary(max_size=9))
def test_what_is_redriven_is_what_arrived_whatever_headers_it_had(
    headers: Headers, value: bytes | None
) -> None:
    original = InputRecord(TopicPartition("uploads", 3), 8, b"k", value, headers)
    record = _dead(original)
    assert not is_marker(record)
    letter = read_letter(record, reader=Reader(TOPICS))
    assert (letter.carried, letter.told.reason, letter.truncated) == (headers, "not_found", False)
    parcel = Packer(TOPICS, to=None, replay_id=None).pack(letter)
    assert isinstance(parcel, Parcel)
    assert (parcel.upload.topic, parcel.upload.key, parcel.upload.value) == ("uploads", b"k", value)
    assert parcel.upload.headers[: len(headers)] == headers
    marker = parcel.marker
    assert is_marker(
        InputRecord(TopicPartition(marker.topic, 0), 4, marker.key, marker.value, marker.headers)
    )


def test_into_a_topic_of_another_form_goes_what_all_forms_take() -> None:
    cloud_event = b"""{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "track",
        "data": {"audio_uri": "file:///a.mp3"}, "time": "2030-01-31T12:00:00Z"}"""
    record = _dead(InputRecord(TopicPartition("events", 0), 1, None, cloud_event), event_id="s 1")
    letter = read_letter(record, reader=Reader(TOPICS))
    there = Packer(TOPICS, to="uploads", replay_id=None).pack(letter)
    back = Packer(TOPICS, to=None, replay_id=None).pack(letter)
    assert isinstance(there, Parcel)
    assert isinstance(back, Parcel)
    assert back.upload.value == cloud_event
    sent = InputRecord(TopicPartition("uploads", 0), 1, None, there.upload.value)
    assert Reader(TOPICS).read(sent).uploads[0].event.track_id == "track"


def test_a_letter_names_its_event_unless_the_id_is_huge() -> None:
    for event_id, named in (("e" * 256, True), ("e" * 257, False), ("", False), (None, False)):
        names = dict(_dead(upload_record(), event_id=event_id).headers).keys()
        assert ("event-id" in names) is named
    settler = Settler(settings_with(), clock=lambda: 0.0, wall_clock=lambda: NOW)
    output = settler.settle(case_of(upload_record()), AudioNotFoundError("gone")).output
    assert output is not None
    assert dict(output.headers)["event-id"] == b"event-1"


def test_what_has_outgrown_its_topic_stays() -> None:
    letter = read_letter(_dead(upload_record()), reader=Reader(TOPICS))
    small = TOPICS.model_copy(update={"uploads": {"uploads": "track_uploaded"}, "max_message_bytes": 100})
    why = Packer(small, to="uploads", replay_id=None).pack(letter)
    assert isinstance(why, str)
    assert "takes fewer" in why


@pytest.mark.parametrize("text", ["", "0", "/1", "0/", "-1/2", "0/1/2", "0/" + "9" * 30, "٣/1"])
def test_a_place_is_a_partition_and_an_offset(text: str) -> None:
    assert str(LetterPlace.parse(" 0/1200 ")) == "0/1200"
    with pytest.raises(ValueError, match="PARTITION/OFFSET"):
        LetterPlace.parse(text)
