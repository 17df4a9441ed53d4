"""Turns the wire models into JSON Schema documents and one AsyncAPI document, and those into files."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from consumer import feature_codec
from consumer.events import SCHEMA_VERSION, TrackLabelled, TrackUploaded
from consumer.schemas.foreign import foreign_messages
from consumer.schemas.headers import DeadLetterHeaders, RetryHeaders
from consumer.topic_settings import TopicSettings

FOLDER: Final = Path(__file__).parent
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# An upload is described as it may be written, defaults left out; what we write ourselves, as it will be read.
_MODELS: Final[dict[str, tuple[type[BaseModel], JsonSchemaMode]]] = {
    "track_uploaded": (TrackUploaded, "validation"),
    "track_labelled": (TrackLabelled, "serialization"),
    "dead_letter_headers": (DeadLetterHeaders, "validation"),
    "retry_headers": (RetryHeaders, "validation"),
}


_OPERATIONS: Final = {
    "uploads": "receive",
    "labels": "send",
    "deadLetters": "send",
    "features": "send",
}


def documents() -> dict[str, dict[str, Any]]:
    """Generate every document, by the name of its file without `.json`."""
    schemas = {
        name: {"$schema": _DIALECT, **model.model_json_schema(mode=mode)}
        for name, (model, mode) in _MODELS.items()
    }
    return {**schemas, "asyncapi": _asyncapi()}


def read_document(name: str) -> dict[str, Any]:
    """Read one checked-in document.

    Raises
    ------
    FileNotFoundError
        There is none of this name.
    """
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def write_documents(folder: Path = FOLDER) -> list[Path]:
    """Write every document into an existing folder and give the paths."""
    paths = []
    for name, document in documents().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _asyncapi() -> dict[str, Any]:
    topics = TopicSettings()
    channels = {
        # One of the three, by the topic's adapter.
        "uploads": (next(iter(topics.uploads)), ("trackUploaded", *foreign_messages())),
        "labels": (topics.labels, ("trackLabelled",)),
        "deadLetters": (topics.dead_letters, ("deadLetter", "redriveMarker")),
        "features": (topics.features, ("trackFeatures",)),
        **{
            f"retries{number}": (retry.topic, ("retry",))
            for number, retry in enumerate(topics.retries, start=1)
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "genrestream",
            "version": str(SCHEMA_VERSION),
            "description": "Track uploads in, genre labels out. Topic names are the settings' defaults.",
        },
        "defaultContentType": "application/json",
        "channels": {
            channel: {
                "address": address,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
            for channel, (address, messages) in channels.items()
        },
        "operations": {
            name: {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
            for name, (action, channel) in _operations(channels).items()
        },
        "components": {"messages": _messages()},
    }


def _operations(channels: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give what a worker does with each channel; what is to be tried again, it sends and receives."""
    found = {channel: (action, channel) for channel, action in _OPERATIONS.items()}
    for channel in channels:
        if channel not in _OPERATIONS:
            found |= {channel: ("send", channel), f"{channel}Due": ("receive", channel)}
    return found


def _messages() -> dict[str, Any]:
    key = {"type": "string", "description": "The track's id."}
    upload, label = {"$ref": "track_uploaded.json"}, {"$ref": "track_labelled.json"}
    return {
        "trackUploaded": {"payload": upload, "bindings": {"kafka": {"key": key}}},
        **foreign_messages(),
        "trackLabelled": {"payload": label, "bindings": {"kafka": {"key": key}}},
        "trackFeatures": {
            "summary": "Optional: the window features of a labelled track, in the transaction of its label.",
            "description": inspect.getdoc(feature_codec) or "",
            "contentType": "application/octet-stream",
            "payload": {
                "schemaFormat": "application/vnd.aai.asyncapi;version=3.0.0",
                "schema": {"type": "string", "format": "binary"},
            },
            "bindings": {"kafka": {"key": key}},
        },
        "deadLetter": {
            "summary": "An upload that cannot be labelled: its original key and bytes.",
            "headers": {"$ref": "dead_letter_headers.json"},
        },
        "redriveMarker": {
            "summary": "Says that the dead letter named by the header `redriven` was redriven; no value.",
            "headers": {
                "type": "object",
                "required": ["redriven"],
                "properties": {
                    "redriven": {"type": "string", "pattern": "^[0-9]+/[0-9]+$"},
                    "redriven-to": {"type": "string", "description": "The topic that the upload went to."},
                    "redriven-at": {"type": "string", "format": "date-time"},
                },
            },
            "payload": {"type": "null"},
        },
        "retry": {"headers": {"$ref": "retry_headers.json"}, "payload": upload},
    }
