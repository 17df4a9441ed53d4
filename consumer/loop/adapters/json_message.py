"""Turns a message's bytes into JSON, and JSON fields into an upload, refusing what is neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json, to_json

from consumer.errors import InvalidEventError
from consumer.events import decode_upload
from consumer.jobs import Headers, InputRecord
from consumer.loop.adapters.announcement import Upload

_SHOWN_LENGTH: Final = 100  # characters of a foreign value in a message


def parse_json(value: bytes | None) -> Any:
    """Parse a message's value.

    Raises
    ------
    InvalidEventError
        It is missing, not UTF-8, not JSON (`NaN` is none), or nested too deeply.
    """
    if not value:
        raise InvalidEventError("the message has no value: expected JSON")
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError as exc:
        raise InvalidEventError(f"not JSON: {exc}") from exc


def upload_of(fields: Mapping[str, Any], *, headers: Headers = ()) -> Upload:
    """Make an upload of a `TrackUploaded`'s fields; unknown ones are kept in its bytes.

    Raises
    ------
    EventError
        They make no `TrackUploaded` of a known schema version.
    """
    try:
        wire = to_json(fields)
    except ValueError as exc:  # a number of thousands of digits, say
        raise InvalidEventError(f"the event cannot be written as JSON: {exc}") from exc
    return Upload(decode_upload(wire), wire, headers)


def is_track_uploaded(message: Any) -> bool:
    """Tell a `TrackUploaded` from a foreign form.

    Topics of foreign forms take it too: it is what a dead letter holds that had passed a retry topic, and
    sending that back to where it came from must work.
    """
    return isinstance(message, dict) and {"event_id", "track_id", "audio_uri"} <= message.keys()


def arrival_of(record: InputRecord) -> str | None:
    """Give when the broker took the record, RFC 3339; null where it does not say."""
    if record.timestamp_ms <= 0:
        return None
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1_000, tz=UTC).isoformat()
    except (ValueError, OverflowError):  # a producer may set any number
        return None


def shown(value: object) -> str:
    """Give a foreign value for a message: quoted and shortened."""
    text = ascii(value)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."
