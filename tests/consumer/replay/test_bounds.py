from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consumer.replay.bounds import parse_bound

NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2030-01-31T12:00:00Z", NOW),
        ("2030-01-31T13:00:00+01:00", NOW),
        ("2030-01-31 12:00", NOW),
        ("2030-01-31", NOW.replace(hour=0)),
        ("2h", NOW - timedelta(hours=2)),
        ("1.5d", NOW - timedelta(hours=36)),
        ("90s ago", NOW - timedelta(seconds=90)),
        (" 1W ", NOW - timedelta(days=7)),
        ("0", 0),
        ("1200", 1_200),
    ],
)
def test_a_bound_is_a_time_a_date_how_long_ago_or_an_offset(typed: str, meant: datetime | int) -> None:
    assert parse_bound(typed, now=NOW) == meant


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "2h30", "-5", "999999999w", "2030-13-01", "1" * 19, "٣", "h"]
)
def test_anything_else_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(ValueError, match="2030-01-31T12:00:00Z"):
        parse_bound(typed, now=NOW)
