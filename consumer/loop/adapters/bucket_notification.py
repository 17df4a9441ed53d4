"""Turns notifications of AWS S3, MinIO and the Versity gateway about new objects into uploads.

A `TrackUploaded` for each record `ObjectCreated:*` (AWS leaves the `s3:` before it out): `track_id` is
`bucket/key`, the key decoded; `event_id` the SHA-256 (hex) of bucket, key as spelled, `versionId` or `eTag`,
and `sequencer` (`eventTime` where there is none); `uploaded_at` is `eventTime`. Removals, folders (the key
ends with `/` and nothing is in it) and what else befalls objects are skipped, and so is the test event that a
store sends when notifications are set up. Whether the object is audio is for the decoder to say.

Source: AWS's "Event message structure", version 2, and what the servers of the tests' samples sent.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, Final, Literal

from consumer.errors import InvalidEventError
from consumer.events import Spelling
from consumer.jobs import InputRecord
from consumer.loop.adapters.announcement import Adapter, Announcement, Upload
from consumer.loop.adapters.json_message import arrival_of, is_track_uploaded, parse_json, shown, upload_of
from consumer.loop.adapters.object_keys import decode_key, spelling_of, uri_of
from consumer.loop.adapters.track_uploaded import read_track_uploaded
from consumer.topic_settings import TopicSettings

REMOVED: Final = "object_removed"
TEST_EVENT: Final = "test_event"
FOLDER: Final = "folder"
OTHER_EVENT: Final = "other_event"

_TEST: Final = "TestEvent"
_CREATED: Final = "ObjectCreated"
_REMOVALS: Final = frozenset(("ObjectRemoved", "LifecycleExpiration"))
_NO_VERSION: Final = "null"  # of an object in a bucket that keeps no versions

ObjectKeys = Literal["auto", "encoded", "literal"]


def bucket_notification_adapter(topics: TopicSettings) -> Adapter:
    """Make the adapter that reads keys as the settings say."""
    return partial(read_bucket_notification, object_keys=topics.object_keys)


def read_bucket_notification(record: InputRecord, *, object_keys: ObjectKeys = "auto") -> Announcement:
    """Read one notification, which may tell of several objects or of none.

    Raises
    ------
    InvalidEventError
        It is no notification, or one about a new object lacks its bucket or key.
    """
    message = parse_json(record.value)
    if is_track_uploaded(message):
        return read_track_uploaded(record)
    if not isinstance(message, dict):
        raise _invalid(f"expected a JSON object, found {shown(message)}")
    if "Records" not in message and _short(message.get("Event")) == _TEST:
        return Announcement((), (TEST_EVENT,))
    events = message.get("Records")
    if not isinstance(events, list):
        raise _invalid("it has no Records")
    skipped = [_other(event) for event in events if not _is_creation(event)]
    created = [(event, *_bucket_and_object(event)) for event in events if _is_creation(event)]
    spelling: Spelling | None
    if object_keys == "auto":
        spelling = spelling_of(message, [(bucket, item) for _, bucket, item in created])
    else:
        spelling = object_keys
    uploads = []
    for event, bucket, item in created:
        if item["key"].endswith(("/", "%2F", "%2f")) and not item.get("size"):  # MinIO leaves a zero out
            skipped.append(FOLDER)
        else:
            uploads.append(_upload(event, bucket, item, spelling=spelling, record=record))
    return Announcement(tuple(uploads), tuple(skipped))


def _is_creation(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("eventName"), str):
        raise _invalid(f"a record has no eventName: {shown(event)}")
    return _short(event["eventName"]) == _CREATED


def _short(event_name: object) -> str:
    """Give `ObjectCreated` of `s3:ObjectCreated:Put`, which AWS writes as `ObjectCreated:Put`."""
    return str(event_name).removeprefix("s3:").partition(":")[0]


def _other(event: dict[str, Any]) -> str:
    name = _short(event["eventName"])
    if name == _TEST:
        return TEST_EVENT
    return REMOVED if name in _REMOVALS else OTHER_EVENT


def _bucket_and_object(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    s3 = _object(event, "s3")
    bucket, item = _object(s3, "bucket").get("name"), _object(s3, "object")
    if not isinstance(bucket, str) or not bucket:
        raise _invalid("s3.bucket.name is missing")
    if not isinstance(item.get("key"), str) or not item["key"]:
        raise _invalid("s3.object.key is missing")
    return bucket, item


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    child = parent.get(name)
    if not isinstance(child, dict):
        raise _invalid(f"{name} is missing or not an object")
    return child


def _upload(
    event: dict[str, Any],
    bucket: str,
    item: dict[str, Any],
    *,
    spelling: Spelling | None,
    record: InputRecord,
) -> Upload:
    literal = item["key"]
    decoded = literal if spelling == "literal" else decode_key(literal)
    if decoded is None:
        raise _invalid(f"the key is not URL-encoded as topics.object_keys says: key={shown(literal)}")
    fields = {
        "event_id": _event_id(event, bucket, item),
        "track_id": f"{bucket}/{decoded}",
        "audio_uri": uri_of(bucket, decoded),
        "audio_uri_spelling": "encoded",
        "uploaded_at": event.get("eventTime") or arrival_of(record),
        "content_type": item.get("contentType"),
    }
    if spelling is None and literal != decoded:
        fields["otherwise"] = {"track_id": f"{bucket}/{literal}", "audio_uri": uri_of(bucket, literal)}
    return upload_of({name: value for name, value in fields.items() if value is not None})


def _event_id(event: dict[str, Any], bucket: str, item: dict[str, Any]) -> str:
    version = _text(item.get("versionId"))
    if version in {"", _NO_VERSION}:
        version = _text(item.get("eTag")).strip('"')
    sequencer = _text(item.get("sequencer")) or _text(event.get("eventTime"))
    identity = "\0".join((bucket, item["key"], version, sequencer))
    return hashlib.sha256(identity.encode()).hexdigest()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _invalid(why: str) -> InvalidEventError:
    return InvalidEventError(f"not a bucket notification: {why}")
