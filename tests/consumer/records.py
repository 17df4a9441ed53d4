"""Makes input records, cases and labels for tests of the Kafka loop, each from the little that matters."""

from __future__ import annotations

from consumer.config import Settings
from consumer.events import TrackUploaded
from consumer.jobs import Headers, InputRecord, OutputRecord, TopicPartition
from consumer.loop.adapters import Upload
from consumer.loop.outcomes import Case, Ending, Outcome
from consumer.loop.provenance import provenance_of_retry, provenance_of_upload
from tests.consumer.engines import MOMENT

UPLOADS = TopicPartition("track-uploads", 0)
RETRIES = TopicPartition("track-uploads.retry.30s", 0)
NOW = MOMENT.timestamp()


def upload_event(number: int = 1, *, uri: str = "file:///music/a.mp3") -> TrackUploaded:
    return TrackUploaded(
        event_id=f"event-{number}", track_id=f"track-{number}", audio_uri=uri, uploaded_at=MOMENT
    )


def upload_record(
    offset: int = 0,
    *,
    value: bytes | None = None,
    headers: Headers = (),
    place: TopicPartition = UPLOADS,
    number: int = 1,
) -> InputRecord:
    wire = upload_event(number).model_dump_json().encode() if value is None else value
    return InputRecord(place, offset, b"key-1", wire, headers, timestamp_ms=1_000)


def case_of(record: InputRecord) -> Case:
    provenance = provenance_of_retry if record.topic_partition == RETRIES else provenance_of_upload
    return Case(record, provenance(record), Upload(upload_event(), record.value or b""))


def as_consumed(output: OutputRecord, *, offset: int = 77) -> InputRecord:
    """Give a produced record as the consumer of its topic gets it."""
    place = TopicPartition(output.topic, 0)
    return InputRecord(place, offset, output.key, output.value, output.headers, timestamp_ms=2_000)


def outcome_at(offset: int, *, size_bytes: int = 10) -> Outcome:
    output = OutputRecord("track-labels", b"key-1", b"x" * size_bytes)
    return Outcome(Ending.LABELLED, "", case_of(upload_record(offset)), output, settled_at=0.0)


def settings_with(**sections: dict[str, object]) -> Settings:
    return Settings.model_validate(sections)
