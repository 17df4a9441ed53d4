"""What is redriven is read as the same event again, in every form and however often it had been tried."""

from __future__ import annotations

import json

import pytest

from consumer.dead_letters.letter import read_letter
from consumer.dead_letters.parcel import Packer, Parcel
from consumer.errors import AudioNotFoundError
from consumer.jobs import Headers, InputRecord, TopicPartition
from consumer.loop.adapters import Reader
from consumer.loop.provenance import dead_letter_headers, provenance_of_retry, retry_headers
from consumer.topic_settings import AdapterName, TopicSettings
from tests.consumer.records import NOW, upload_event

TRACED: Headers = (("traceparent", b"00-1"), ("null", None))


def _cloud_event() -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "t",
        "subject": "track-1",
        "time": "2030-01-31T12:00:00Z",
        "traceparent": "00-2",
        "data": {"audio_uri": "file:///a.mp3"},
    }


def _binary() -> tuple[bytes, Headers]:
    event = _cloud_event()
    data = json.dumps(event.pop("data")).encode()
    return data, tuple((f"ce_{name}", str(value).encode()) for name, value in event.items())


def _notification() -> bytes:
    item = {"key": "a+b%20c.mp3", "size": 9, "eTag": "e", "sequencer": "1"}
    s3 = {"bucket": {"name": "b"}, "object": item}
    event = {"eventName": "s3:ObjectCreated:Put", "eventTime": "2030-01-31T12:00:00Z", "s3": s3}
    return json.dumps({"Records": [event]}).encode()


FORMS: dict[str, tuple[AdapterName, bytes, Headers]] = {
    "own": ("track_uploaded", upload_event().model_dump_json().encode(), ()),
    "structured": (
        "cloud_event",
        json.dumps(_cloud_event()).encode(),
        (("content-type", b"application/cloudevents+json"),),
    ),
    "binary": ("cloud_event", *_binary()),
    "batch": (
        "cloud_event",
        json.dumps([_cloud_event(), {**_cloud_event(), "id": "2"}]).encode(),
        (("content-type", b"application/cloudevents-batch+json"),),
    ),
    "notification": ("bucket_notification", _notification(), ()),
}


@pytest.mark.parametrize("tried", ["once", "through a retry topic", "again after a redrive"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_redriven_is_the_same_event(form: str, tried: str) -> None:
    adapter, value, headers = FORMS[form]
    topics = TopicSettings(uploads={"uploads": adapter})
    reader, place = Reader(topics), TopicPartition("uploads", 2)
    record = InputRecord(place, 5, b"key", value, (*headers, *TRACED), timestamp_ms=1_800_000_000_000)
    expected = reader.read(record).uploads[-1]
    for round_ in range(2 if tried == "again after a redrive" else 1):
        upload = reader.read(record).uploads[-1]
        past, failed, error = reader.provenance(record), record.value, AudioNotFoundError("gone")
        past = past.carrying(upload.headers)
        if tried == "through a retry topic":
            waiting = retry_headers(past, error, now=NOW, not_before=NOW)
            retry = TopicPartition(topics.retries[0].topic, 0)
            past, failed = provenance_of_retry(InputRecord(retry, 1, None, upload.wire, waiting)), upload.wire
        written = dead_letter_headers(past, error, now=NOW, event_id=upload.event.event_id)
        dead = InputRecord(TopicPartition(topics.dead_letters, 0), 3, b"key", failed, written)
        letter = read_letter(dead, reader=reader)
        assert letter.rounds == round_
        parcel = Packer(topics, to=None, replay_id=None).pack(letter)
        assert isinstance(parcel, Parcel)
        sent = parcel.upload
        record = InputRecord(place, 9 + round_, sent.key, sent.value, sent.headers, timestamp_ms=1)
    (again,) = reader.read(record).uploads
    assert again.event == expected.event
    assert record.headers[: len(headers) + len(TRACED)] == (*headers, *TRACED)
    assert [name for name, _ in record.headers].count("ce_traceparent") == (
        form in {"structured", "binary", "batch"}
    )
