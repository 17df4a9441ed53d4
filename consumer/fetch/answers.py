"""Turns a web server's status and headers into what they say about the audio: go on, start over, give up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from consumer.errors import AudioNotFoundError, FetchDeniedError, FetchFailedError
from consumer.fetch.retries import Cause, FetchInterruptedError
from consumer.fetch.transfer import Transfer

_ABSENT: Final = frozenset({404, 410})
_DENIED: Final = frozenset({401, 403, 407})
_THROTTLED: Final = frozenset({429, 503})
_TIMED_OUT: Final = frozenset({408, 504})
_PASSING: Final = frozenset({425})  # Too Early
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]*"')


def require_audio(status: int, headers: Mapping[str, str], *, transfer: Transfer, ranged: bool) -> None:
    """Accept a 200, or a 206 where one was asked for, and raise what any other answer means.

    Raises
    ------
    AudioNotFoundError, FetchDeniedError, FetchFailedError
        Another attempt will not change it.
    FetchInterruptedError
        Another attempt may; it waits as long as `Retry-After` says.
    """
    uri = transfer.shown_uri
    if status == 200 or (status == 206 and ranged):
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise FetchFailedError(
                f"server sends encoded audio: uri={uri}, content_encoding={encoding[:40]!r}; "
                "let it send the bytes as they are"
            )
        return
    if status in _ABSENT:
        raise AudioNotFoundError(f"nothing is there: uri={uri}, status={status}")
    if status in _DENIED:
        raise FetchDeniedError(
            f"server refuses access: uri={uri}, status={status}; sign the URI for longer if it has expired"
        )
    if status == 416 and ranged:
        raise transfer.replaced()
    if status in _PASSING | _THROTTLED | _TIMED_OUT or status >= 500:
        cause: Cause = (
            "throttled" if status in _THROTTLED else "timeout" if status in _TIMED_OUT else "server_error"
        )
        raise FetchInterruptedError(
            f"server fails: uri={uri}, status={status}; look at its health",
            cause=cause,
            retry_after_seconds=retry_after_seconds(headers.get("retry-after", ""), now=datetime.now(UTC)),
        )
    raise FetchFailedError(f"server does not answer with audio: uri={uri}, status={status}; correct the URI")


def pin(status: int, headers: Mapping[str, str], *, transfer: Transfer) -> None:
    """Begin the transfer with a whole body, or make sure that a part continues what has arrived.

    Raises
    ------
    FetchInterruptedError
        The part is not of the version, or not of the place, that was asked for.
    AudioTooLargeError
        The server announces more bytes than allowed.
    """
    if status == 200:
        length = _LENGTH.fullmatch(headers.get("content-length", ""))
        transfer.begin(
            validator=_validator(headers),
            total_bytes=int(length[0]) if length else None,
            content_type=headers.get("content-type"),
        )
        return
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    total_bytes = int(match[3]) if match and match[3] != "*" else transfer.total_bytes
    kind = "etag" if (transfer.validator or "").startswith('"') else "last-modified"
    version = headers.get(kind, transfer.validator)
    if match is None or int(match[1]) != transfer.offset or version != transfer.validator:
        raise transfer.replaced()
    if transfer.total_bytes is not None and total_bytes != transfer.total_bytes:
        raise transfer.replaced()
    transfer.total_bytes = total_bytes


def retry_after_seconds(text: str, *, now: datetime) -> float:
    """Read a `Retry-After` header, seconds or a date; 0 where it is absent or neither."""
    if _SECONDS.fullmatch(text.strip()):
        return float(text)
    moment = _date(text)
    return max(0.0, (moment - now).total_seconds()) if moment is not None else 0.0


def _validator(headers: Mapping[str, str]) -> str | None:
    """Give what `If-Range` may carry: a strong ETag, or a date that is strong (RFC 9110, 8.8.2.2)."""
    etag = headers.get("etag", "").strip()
    if _STRONG_ETAG.fullmatch(etag):
        return etag
    modified, answered = _date(headers.get("last-modified", "")), _date(headers.get("date", ""))
    # Dates have whole seconds: a resource changed twice within the second of the answer keeps its date.
    if modified is None or answered is None or answered - modified < timedelta(seconds=1):
        return None
    return headers["last-modified"]


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
