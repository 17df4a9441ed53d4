"""The wire contract: what is accepted, what is refused and why, and what a label looks like."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from consumer.errors import InvalidEventError, UnsupportedSchemaVersionError
from consumer.events import (
    GenreProbability,
    Status,
    TrackLabelled,
    decode_upload,
    result_id,
)
from tests.consumer.engines import label_for
from tests.paths import REPOSITORY

_UPLOAD = {
    "schema_version": 1,
    "event_id": "e1",
    "track_id": "t1",
    "audio_uri": "s3://music/a.mp3",
    "uploaded_at": "2026-01-02T03:04:05Z",
}


def _encoded(**changes: object) -> bytes:
    return json.dumps({**_UPLOAD, **changes}).encode()


def _label() -> TrackLabelled:
    label = label_for(decode_upload(_encoded()))
    timeline = (GenreProbability(genre="jazz", probability=0.9),)
    return label.model_copy(update={"windows": label.windows.model_copy(update={"timeline": timeline})})


def test_unknown_fields_are_tolerated_at_every_depth() -> None:
    event = decode_upload(_encoded(surprise={"a": 1}, metadata={"label": {"deep": [1, None]}}))
    assert event.track_id == "t1"
    assert event.metadata == {"label": {"deep": [1, None]}}


def test_times_are_normalised_to_utc() -> None:
    event = decode_upload(_encoded(uploaded_at="2026-01-02T05:04:05+02:00"))
    assert event.uploaded_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(0)))
    assert event.uploaded_at.utcoffset() == timedelta(0)


def test_a_newer_schema_version_is_named_even_where_its_fields_are_unknown() -> None:
    with pytest.raises(UnsupportedSchemaVersionError, match="schema_version=2"):
        decode_upload(b'{"schema_version": 2, "renamed": true}')


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "no value"),
        (b"", "no value"),
        (b"not json", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[1, 2]", "should be an object"),
        (b"null", "should be an object"),
        (b"[" * 100_000, "Invalid JSON"),
        (_encoded(event_id=""), "event_id"),
        (_encoded(event_id=None), "event_id"),
        (_encoded(track_id=7), "track_id"),
        (_encoded(track_id="x" * 2_000), "track_id"),
        (_encoded(uploaded_at="yesterday"), "uploaded_at"),
        (_encoded(uploaded_at="2026-01-02T03:04:05"), "uploaded_at"),
        (_encoded(duration_seconds=-1), "duration_seconds"),
        (_encoded(schema_version="one"), "schema_version"),
        (_encoded(schema_version=0), "schema_version"),
    ],
)
def test_what_is_not_an_upload_is_refused_with_the_field_at_fault(value: bytes | None, message: str) -> None:
    with pytest.raises(InvalidEventError, match=message):
        decode_upload(value)


def test_a_refusal_does_not_repeat_the_input() -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_upload(_encoded(uploaded_at="s3cret"))
    assert "s3cret" not in str(caught.value)


def test_a_label_survives_the_wire() -> None:
    label = _label()
    assert TrackLabelled.model_validate_json(label.encode()) == label
    assert json.loads(label.encode())["timing"]["labelled_at"] == "2030-01-01T12:00:00Z"


def test_the_readmes_examples_are_an_upload_and_a_label_of_each_status() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    upload, *labels = re.findall(r"^```json\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert decode_upload(upload.encode()).declared_genre == "dancehall"
    assert {TrackLabelled.model_validate_json(label).status for label in labels} == set(Status)


def test_a_label_without_its_timeline_keeps_everything_else() -> None:
    label = _label()
    smaller = label.without_timeline()
    assert smaller.windows.timeline is None
    assert smaller.windows.count == label.windows.count
    assert len(smaller.encode()) < len(label.encode())


def test_result_id_depends_on_event_model_and_replay_and_on_nothing_else() -> None:
    base = result_id(event_id="e", model_sha256="m", replay_id=None)
    assert base == result_id(event_id="e", model_sha256="m", replay_id="")
    others = {
        result_id(event_id="e2", model_sha256="m", replay_id=None),
        result_id(event_id="e", model_sha256="m2", replay_id=None),
        result_id(event_id="e", model_sha256="m", replay_id="r"),
        result_id(event_id="em", model_sha256="", replay_id=None),
    }
    assert base not in others
    assert len(others) == 4
