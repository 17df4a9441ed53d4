"""Turns a record's headers into where its event came from and how often it was tried, and back again.

Retries and dead letters carry the upload's own headers first, then one block of ours, so that a header of
the upload's that happens to share a name is kept and the last of a name is always ours:

==================  =============================================================================
`reason`            stable word for why the last attempt failed, as `fetch_timeout`
`error-class`       class of the exception
`error-message`     its text, at most 1,024 characters
`topic`             input topic in which the event first arrived
`partition`         its partition, decimal
`offset`            its offset, decimal
`timestamp`         the broker's time of that record, milliseconds since the epoch, decimal
`first-failed-at`   RFC 3339 in UTC
`key`               retries only: key of that record (empty: it had none)
`attempt`           retries only: the number of the coming delivery, 2 or more
`not-before`        retries only: RFC 3339 in UTC, when the coming delivery is due
`attempts`          dead letters only: deliveries made
`failed-at`         dead letters only: RFC 3339 in UTC
`event-id`          dead letters only, where the record held a readable event whose id has 256 bytes at most
`replay-id`         dead letters of a replay only: which
`truncated`         dead letters only, where the topic could not take it whole: bytes of the original value
==================  =============================================================================

Beside the dead letters, their topic holds markers: the key of a dead letter, no value, and of ours only the
headers `redriven` (its `PARTITION/OFFSET`), `redriven-to` and `redriven-at`. Whoever reads the topic skips
them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from consumer.errors import reason
from consumer.jobs import Headers, InputRecord, TopicPartition

_OURS: Final = frozenset(
    (
        "reason",
        "error-class",
        "error-message",
        "topic",
        "partition",
        "offset",
        "timestamp",
        "key",
        "first-failed-at",
        "attempt",
        "not-before",
    )
)
_CLOUD_EVENT_HEADERS: Final = frozenset(
    f"ce_{attribute}"
    for attribute in (
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
    )
)
"""CloudEvents' context attributes in binary mode; its extensions are carried on."""
REDRIVEN: Final = "redriven"
"""The header that makes a record of the dead-letter topic a marker."""
_MAX_EVENT_ID_BYTES: Final = 256  # ids are short but for hostile ones, and our headers must fit any topic
_MAX_MESSAGE_LENGTH: Final = 1_024  # characters: a decoder's whole standard error does not belong in a header


@dataclass(frozen=True, slots=True)
class Origin:
    """The record in which an event first arrived; `timestamp_ms` is the broker's, since the epoch."""

    topic_partition: TopicPartition
    offset: int
    key: bytes | None
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of an event's past.

    Attributes
    ----------
    origin : Origin
        Where it first arrived.
    attempt : int
        The number of this delivery, from 1.
    not_before : float
        When this delivery is due, in seconds since the epoch; 0 is at once.
    first_failed_at : float or None
        Seconds since the epoch.
    carried : Headers
        The upload's own headers.
    replay_id : str or None
        The replay that read it.
    """

    origin: Origin
    attempt: int
    not_before: float
    first_failed_at: float | None
    carried: Headers
    replay_id: str | None = None

    @property
    def for_results(self) -> Headers:
        """What a result carries of the upload's headers: all but those that would pass for its own.

        With a CloudEvent's id and type, or its content type, a label would be that CloudEvent.
        """
        return tuple(header for header in self.carried if not _describes_the_upload(*header))

    def carrying(self, more: Headers) -> Provenance:
        """Give the same with more headers to carry."""
        return replace(self, carried=(*self.carried, *more)) if more else self


def provenance_of_upload(record: InputRecord) -> Provenance:
    """Take a record of an upload topic for its event's first delivery, whatever its headers say."""
    origin = Origin(record.topic_partition, record.offset, record.key, record.timestamp_ms)
    return Provenance(origin, attempt=1, not_before=0.0, first_failed_at=None, carried=record.headers)


def provenance_of_retry(record: InputRecord) -> Provenance:
    """Read the block that we wrote; a record without a readable one counts as a first delivery."""
    ours, carried = _split(record.headers)
    try:
        origin = Origin(
            TopicPartition(ours["topic"].decode(), int(ours["partition"])),
            int(ours["offset"]),
            ours["key"] or None,
            int(ours["timestamp"]),
        )
        return Provenance(
            origin,
            attempt=max(1, int(ours["attempt"])),
            not_before=_parse_moment(ours["not-before"]),
            first_failed_at=_parse_moment(ours["first-failed-at"]),
            carried=carried,
        )
    except (KeyError, ValueError):
        return provenance_of_upload(record)


def retry_headers(provenance: Provenance, error: BaseException, *, now: float, not_before: float) -> Headers:
    """Give the headers of the next delivery, due at `not_before` (seconds since the epoch)."""
    return (
        *provenance.carried,
        *_failure_headers(provenance, error, now=now),
        ("key", provenance.origin.key or b""),
        ("attempt", _number(provenance.attempt + 1)),
        ("not-before", _moment(not_before)),
    )


def dead_letter_headers(
    provenance: Provenance, error: BaseException, *, now: float, event_id: str | None = None
) -> Headers:
    """Give the headers of a dead letter; `now` in seconds since the epoch.

    `event_id` says which of a record's events failed.
    """
    replay_id = provenance.replay_id
    event = (event_id or "").encode()
    return (
        *provenance.carried,
        *_failure_headers(provenance, error, now=now),
        ("attempts", _number(provenance.attempt)),
        ("failed-at", _moment(now)),
        *((("event-id", event),) if 0 < len(event) <= _MAX_EVENT_ID_BYTES else ()),
        *(() if replay_id is None else (("replay-id", replay_id.encode()),)),
    )


def split_dead_letter(headers: Headers) -> tuple[Headers, Headers]:
    """Part what a dead letter carries of its upload from our block, which is empty in a stranger's record."""
    names = [name for name, _ in headers]
    if "reason" not in names:
        return headers, ()
    # The block begins with it, and an upload's own of that name stands before.
    start = len(names) - 1 - names[::-1].index("reason")
    return headers[:start], headers[start:]


def is_marker(record: InputRecord) -> bool:
    """Tell a marker, which says that a dead letter was redriven, from a dead letter."""
    names = {name for name, _ in record.headers}
    return record.value is None and REDRIVEN in names and "reason" not in names


def _describes_the_upload(name: str, value: bytes | None) -> bool:
    if name.lower() == "content-type":
        return (value or b"").strip().lower().startswith(b"application/cloudevents")
    return name.lower() in _CLOUD_EVENT_HEADERS


def _failure_headers(provenance: Provenance, error: BaseException, *, now: float) -> Headers:
    origin = provenance.origin
    first_failed_at = now if provenance.first_failed_at is None else provenance.first_failed_at
    return (
        ("reason", reason(error).encode()),
        ("error-class", type(error).__name__.encode()),
        ("error-message", str(error)[:_MAX_MESSAGE_LENGTH].encode(errors="replace")),
        ("topic", origin.topic_partition.topic.encode()),
        ("partition", _number(origin.topic_partition.partition)),
        ("offset", _number(origin.offset)),
        ("timestamp", _number(origin.timestamp_ms)),
        ("first-failed-at", _moment(first_failed_at)),
    )


def _split(headers: Headers) -> tuple[dict[str, bytes], Headers]:
    """Part our block, which stands last and names nothing twice, from the upload's headers."""
    ours: dict[str, bytes] = {}
    end = len(headers)
    while end and headers[end - 1][0] in _OURS and headers[end - 1][0] not in ours:
        end -= 1
        ours[headers[end][0]] = headers[end][1] or b""  # another producer may write null
    return ours, headers[:end]


def _number(value: int) -> bytes:
    return str(value).encode()


def _moment(seconds: float) -> bytes:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _parse_moment(value: bytes) -> float:
    return datetime.fromisoformat(value.decode()).timestamp()
