"""Turns what is typed for a bound (a time, a date, how long ago, an offset) into a moment or an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|h|d|w)(?:\s+ago)?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST_DIGITS: Final = 18  # offsets are 64 bits


def parse_bound(text: str, *, now: datetime) -> datetime | int:
    """Read a bound of a replay.

    Parameters
    ----------
    text : str
        RFC 3339 (`2030-01-31T12:00:00Z`; UTC where no zone is said), a date (its midnight in UTC), how long
        ago (`90s`, `30m`, `2h`, `7d`, `1w`), or an offset (`1200`), which is the same in every partition.
    now : datetime
        What `ago` counts from, with its zone.

    Raises
    ------
    ValueError
        It is none of these.
    """
    typed = text.strip()
    try:
        if typed.isascii() and typed.isdigit():
            return _offset(typed)
        if ago := _AGO.fullmatch(typed.lower()):
            return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        moment = datetime.fromisoformat(typed)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ValueError(
            f"neither a time nor an offset: {text!r}: "
            "write 2030-01-31T12:00:00Z, 2030-01-31, 2h (that is: ago) or 1200"
        ) from exc


def _offset(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("no offset is so great")
    return int(digits)
