"""Describes the foreign forms of uploads, of which only what is read is told, as AsyncAPI messages."""

from __future__ import annotations

import inspect
from typing import Any, Final

from consumer.loop.adapters import bucket_notification, cloud_event

_TEXT: Final = {"type": "string", "minLength": 1}
_ANY_TEXT: Final = {"type": ["string", "null"]}

CLOUD_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One CloudEvent in structured mode; binary mode has `data` as value, the rest in headers.",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"type": "string", "pattern": r"^1\.[0-9]{1,4}$"},
        "id": _TEXT,
        "source": {**_TEXT, "description": "A URI reference: it holds no space."},
        "type": _TEXT,
        "subject": {**_ANY_TEXT, "description": "The track's id, where the data has none."},
        "time": {**_ANY_TEXT, "description": "RFC 3339; when it was uploaded, where the data says nothing."},
        "datacontenttype": {**_ANY_TEXT, "description": "application/json or another JSON type."},
        "data": {
            "type": "object",
            "description": "A TrackUploaded without what the envelope says; it wins where both say it.",
            "required": ["audio_uri"],
            "properties": {"audio_uri": _TEXT},
        },
        "data_base64": {**_ANY_TEXT, "description": "The same as Base64 of its JSON."},
    },
}

_OBJECT_EVENT: Final = {
    "type": "object",
    "required": ["eventName"],
    "properties": {
        "eventName": {
            "type": "string",
            "description": "ObjectCreated:* is an upload, with s3: before it or not.",
        },
        "eventTime": {"type": "string", "description": "RFC 3339; when it was uploaded."},
        "s3": {
            "type": "object",
            "required": ["bucket", "object"],
            "properties": {
                "bucket": {"type": "object", "required": ["name"], "properties": {"name": _TEXT}},
                "object": {
                    "type": "object",
                    "required": ["key"],
                    "properties": {
                        "key": {**_TEXT, "description": "Spelled as topics.object_keys says."},
                        "size": {"type": ["integer", "null"]},
                        "eTag": _ANY_TEXT,
                        "versionId": _ANY_TEXT,
                        "sequencer": _ANY_TEXT,
                        "contentType": _ANY_TEXT,
                    },
                },
            },
        },
    },
}
BUCKET_NOTIFICATION: Final[dict[str, Any]] = {
    "type": "object",
    "anyOf": [
        {"required": ["Records"], "properties": {"Records": {"type": "array", "items": _OBJECT_EVENT}}},
        {"required": ["Event"], "properties": {"Event": {"const": "s3:TestEvent"}}},
    ],
}


def foreign_messages() -> dict[str, Any]:
    """Give the messages by name."""
    return {
        "cloudEvent": {
            "summary": "In a topic whose adapter is cloud_event: an upload as a CloudEvent.",
            "description": inspect.getdoc(cloud_event) or "",
            "contentType": "application/cloudevents+json",
            "payload": CLOUD_EVENT,
        },
        "bucketNotification": {
            "summary": "In a topic whose adapter is bucket_notification: what befell objects.",
            "description": inspect.getdoc(bucket_notification) or "",
            "payload": BUCKET_NOTIFICATION,
        },
    }
