"""Turns CloudEvents 1.0 (structured, binary or batched) into uploads.

The data is a `TrackUploaded`, of which it may leave out what the envelope says; where both say it, the data
wins:

================  ===================================================================================
`event_id`        `source`, a space and `id` (a URI reference holds no space, so no two pairs meet);
                  their SHA-256 (hex) where that is longer than an id may be
`track_id`        `subject`
`uploaded_at`     `time`, else when the broker took the record
================  ===================================================================================

Source: CloudEvents 1.0.2 with its JSON format and Kafka protocol binding; how a header or a media type is
spelled (upper or lower case) makes no difference here. A structured event is also known by its `specversion`
where its producer set no `content-type`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from consumer.errors import InvalidEventError, UnsupportedSchemaVersionError
from consumer.events import MAX_ID_LENGTH
from consumer.jobs import Headers, InputRecord
from consumer.loop.adapters.announcement import Adapter, Announcement, Upload
from consumer.loop.adapters.json_message import arrival_of, is_track_uploaded, parse_json, shown, upload_of
from consumer.loop.adapters.track_uploaded import read_track_uploaded
from consumer.topic_settings import TopicSettings

OTHER_TYPE: Final = "other_type"
"""Skipped: an event whose type is not in `topics.cloud_event_types`."""

_PREFIX: Final = "ce_"
_STRUCTURED: Final = "application/cloudevents"
_KNOWN_VERSION: Final = re.compile(r"1\.[0-9]{1,4}")
_CONTEXT: Final = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
)
_DATA: Final = frozenset(("data", "data_base64"))
_EXTENSION_NAME: Final = re.compile(r"[a-z0-9]{1,64}")
_TRACE: Final = ("traceparent", "tracestate")
_MAX_CARRIED_BYTES: Final = 4 * 1024
"""An extension is a word or a trace context; longer ones stay in the record, or headers would outgrow it."""


def cloud_event_adapter(topics: TopicSettings) -> Adapter:
    """Make the adapter that takes the settings' types for uploads, all types where they name none."""
    return partial(read_cloud_events, types=frozenset(topics.cloud_event_types))


def read_cloud_events(record: InputRecord, *, types: frozenset[str] = frozenset()) -> Announcement:
    """Read one event, or a batch of them; `types` empty means any.

    Raises
    ------
    UnsupportedSchemaVersionError
        An event is of another major version than 1, or its data of a newer schema version.
    InvalidEventError
        An event lacks a required attribute, or its data is no `TrackUploaded` in JSON.
    """
    headers = {name.lower(): value for name, value in record.headers}
    content_type = (headers.get("content-type") or b"").strip().lower().decode(errors="replace")
    if f"{_PREFIX}specversion" in headers and not content_type.startswith(_STRUCTURED):
        events = [_of_binary_mode(record, headers, content_type)]
    else:
        message = parse_json(record.value)
        if is_track_uploaded(message) and "specversion" not in message:
            return read_track_uploaded(record)
        events = message if isinstance(message, list) else [message]
    uploads, skipped = [], []
    for event in events:
        attributes = _checked(event)
        if types and attributes["type"] not in types:
            skipped.append(OTHER_TYPE)
        else:
            uploads.append(_upload(attributes, record))
    return Announcement(tuple(uploads), tuple(skipped))


def _of_binary_mode(
    record: InputRecord, headers: Mapping[str, bytes | None], content_type: str
) -> dict[str, Any]:
    """Give the event as structured mode spells it."""
    attributes: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX) and value is not None:
            try:
                attributes[name.removeprefix(_PREFIX)] = value.decode()
            except UnicodeDecodeError as exc:
                raise InvalidEventError(f"not a CloudEvent: header {shown(name)} is not UTF-8") from exc
    if content_type:
        attributes["datacontenttype"] = content_type
    return {**attributes, "data_base64": None, "data": _Undecoded(record.value)}


class _Undecoded:
    """Data of binary mode, which is parsed once its type is known to be ours."""

    def __init__(self, value: bytes | None) -> None:
        self.value = value


def _checked(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise InvalidEventError(f"not a CloudEvent: expected a JSON object, found {shown(event)}")
    version = event.get("specversion")
    if not isinstance(version, str):
        raise InvalidEventError("not a CloudEvent: it has no specversion (nor a header ce_specversion)")
    if not _KNOWN_VERSION.fullmatch(version):
        raise UnsupportedSchemaVersionError(f"specversion={shown(version)} of CloudEvents is not 1.x")
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise InvalidEventError(f"not a CloudEvent: it needs the attribute {name}, a string")
    if any(character.isspace() for character in event["source"]):
        raise InvalidEventError("not a CloudEvent: source is no URI reference, it holds a space")
    return event


def _upload(event: Mapping[str, Any], record: InputRecord) -> Upload:
    said = {
        "event_id": _event_id(event["source"], event["id"]),
        "track_id": event.get("subject"),
        "uploaded_at": event.get("time") or arrival_of(record),
    }
    data = {name: value for name, value in _data(event).items() if value is not None}
    fields = {**{name: value for name, value in said.items() if value is not None}, **data}
    return upload_of(fields, headers=_carried(event, record.headers))


def _event_id(source: str, identifier: str) -> str:
    readable = f"{source} {identifier}"
    if len(readable) <= MAX_ID_LENGTH:
        return readable
    return hashlib.sha256(readable.encode()).hexdigest()


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    media_type = event.get("datacontenttype")
    if media_type is not None and not _is_json(media_type):
        raise InvalidEventError(f"data is not JSON: datacontenttype={shown(media_type)}")
    data = event.get("data")
    if isinstance(data, _Undecoded):
        data = parse_json(data.value)
    elif event.get("data_base64") is not None:
        data = parse_json(_from_base64(event["data_base64"]))
    if not isinstance(data, dict):
        raise InvalidEventError(f"data is not a TrackUploaded: expected a JSON object, found {shown(data)}")
    return data


def _is_json(media_type: object) -> bool:
    bare = str(media_type).partition(";")[0].strip().lower()
    return bare.endswith(("/json", "+json"))


def _from_base64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidEventError("not a CloudEvent: data_base64 is not Base64") from exc


def _carried(event: Mapping[str, Any], headers: Headers) -> Headers:
    """Give the event's extensions as binary mode spells them, and its trace context as W3C does."""
    present = {name.lower() for name, _ in headers}
    extensions = {
        name: text
        for name, value in event.items()
        if name not in _CONTEXT | _DATA and _EXTENSION_NAME.fullmatch(name)
        if (text := _as_text(value)) is not None
    }
    spelled = {f"{_PREFIX}{name}": text for name, text in extensions.items()}
    spelled |= {name: extensions[name] for name in _TRACE if name in extensions}
    return tuple(
        (name, text)
        for name, text in spelled.items()
        if name not in present and len(text) <= _MAX_CARRIED_BYTES
    )


def _as_text(value: object) -> bytes | None:
    """Give the canonical text of an attribute; null where it is of no type that attributes have."""
    if isinstance(value, bool):
        return str(value).lower().encode()
    return str(value).encode() if isinstance(value, str | int) else None
