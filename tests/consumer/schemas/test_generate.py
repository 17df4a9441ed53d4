"""Tests that the checked-in schemas are those of the code, and accept what the code writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from consumer.errors import AudioNotFoundError
from consumer.events import TrackUploaded
from consumer.jobs import Headers, InputRecord, TopicPartition
from consumer.loop.provenance import dead_letter_headers, provenance_of_upload, retry_headers
from consumer.schemas import documents, read_document, write_documents
from consumer.schemas.generate import FOLDER

SAMPLES = Path(__file__).parents[1] / "loop" / "adapters" / "samples"
NAMES = ("track_uploaded", "track_labelled", "dead_letter_headers", "retry_headers", "asyncapi")


@pytest.mark.parametrize("name", NAMES)
def test_the_checked_in_document_is_the_generated_one(name: str) -> None:
    assert read_document(name) == documents()[name], "run: genrestream schemas --write consumer/schemas"


def test_no_document_is_missing_from_the_tests() -> None:
    assert tuple(documents()) == NAMES


@pytest.mark.parametrize("name", NAMES[:-1])
def test_each_schema_is_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(read_document(name))


def test_an_upload_with_unknown_fields_is_valid_and_one_without_its_uri_is_not() -> None:
    upload = json.loads(
        TrackUploaded(
            event_id="e", track_id="t", audio_uri="file:///a.mp3", uploaded_at=datetime.now(UTC)
        ).model_dump_json()
    )
    jsonschema.validate({**upload, "brand_new": 1}, read_document("track_uploaded"))
    del upload["audio_uri"]
    with pytest.raises(jsonschema.ValidationError, match="audio_uri"):
        jsonschema.validate(upload, read_document("track_uploaded"))


def _record() -> InputRecord:
    return InputRecord(TopicPartition("track-uploads", 1), 7, b"t1", b"{}", timestamp_ms=1_700_000_000_000)


def _as_json(headers: Headers) -> dict[str, Any]:
    return {name: (value or b"").decode() for name, value in headers}


@pytest.mark.parametrize("kind", ["dead_letter_headers", "retry_headers"])
def test_the_headers_that_are_written_are_those_that_are_described(kind: str) -> None:
    provenance, error = provenance_of_upload(_record()), AudioNotFoundError("nothing there")
    written = _as_json(
        dead_letter_headers(provenance, error, now=1.8e9)
        if kind == "dead_letter_headers"
        else retry_headers(provenance, error, now=1.8e9, not_before=1.8e9 + 30)
    )

    schema = read_document(kind)
    jsonschema.validate(written, schema)
    assert set(written) == set(schema["required"])


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = read_document("asyncapi")

    def walk(node: object) -> None:
        if isinstance(node, dict):
            target = node.get("$ref")
            if isinstance(target, str) and target.startswith("#/"):
                found: Any = document
                for part in target[2:].split("/"):
                    found = found[part]
            elif isinstance(target, str):
                read_document(target.removesuffix(".json"))
            for inner in node.values():
                walk(inner)

    walk(document)
    assert document["channels"]["labels"]["address"] == "track-labels"


@pytest.mark.parametrize("store", ["minio", "moto", "versity"])
def test_what_stores_sent_is_as_described(store: str) -> None:
    schema = read_document("asyncapi")["components"]["messages"]["bucketNotification"]["payload"]
    for line in (SAMPLES / f"{store}.jsonl").read_text(encoding="utf-8").splitlines():
        jsonschema.validate(json.loads(line), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"Event": "s3:Other"}, schema)


def test_a_cloud_event_that_is_read_is_as_described() -> None:
    schema = read_document("asyncapi")["components"]["messages"]["cloudEvent"]["payload"]
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {"audio_uri": "s3://b/k"}}
    jsonschema.validate(event, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**event, "specversion": "0.3"}, schema)


def test_documents_are_written_as_they_are_checked_in(tmp_path: Path) -> None:
    written = write_documents(tmp_path)

    assert sorted(path.stem for path in written) == sorted(NAMES)
    for path in written:
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()
