"""Turns numbers into the text of a report: three digits, real minus signs, a dash for what is missing."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

NOTHING: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"


def share(value: float | None) -> str:
    """Write a share as 0.612."""
    return NOTHING if value is None else f"{value:.3f}"


def between(interval: tuple[float, float] | None) -> str:
    """Write an interval of shares as 0.557-0.664 with a dash of its own; nothing where there is none."""
    return "" if interval is None else f"{interval[0]:.3f}{NOTHING}{interval[1]:.3f}"


def signed_between(interval: tuple[float, float] | None) -> str:
    """Write an interval of differences as +0.004 to +0.055; nothing where there is none."""
    return "" if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"


def signed(value: float | None) -> str:
    """Write a difference as +0.021."""
    if value is None:
        return NOTHING
    value = round(value, 3) + 0.0  # no negative zero
    return f"{value:+.3f}".replace("-", _MINUS) if value else "±0.000"


def points(value: float) -> str:
    """Write a difference of shares in points of a hundred: +32.3."""
    value = round(100.0 * value, 1) + 0.0
    return f"{value:+.1f}".replace("-", _MINUS)


def percent(value: float) -> str:
    """Write a share in hundredths: 61.2 %."""
    return f"{100.0 * value:.1f} %"


def count(value: int | None) -> str:
    """Write a whole number as 14,848."""
    return NOTHING if value is None else f"{value:,}"


def three(value: float | None) -> str:
    """Write a number with three digits: 0.0123, 1.23, 12,300, 1.23e-7."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0.0:
        return "0"
    size = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    if size >= 9 or size < -4:
        text = f"{value:.2e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    elif size >= 2:
        text = f"{round(value, 2 - size):,.0f}"
    else:
        text = f"{value:.{2 - size}f}"
    return text.replace("-", _MINUS)


def seconds(value: float | None) -> str:
    """Write a duration in seconds, or in minutes or hours where it is long."""
    if value is None:
        return NOTHING
    if value < 100.0:
        return f"{three(value)} s"
    return f"{three(value / 60.0)} min" if value < 6_000.0 else f"{three(value / 3_600.0)} h"


def size(value: int | None) -> str:
    """Write bytes as kB or MB (thousands)."""
    if value is None:
        return NOTHING
    return f"{three(value / 1e3)} kB" if value < 1_000_000 else f"{three(value / 1e6)} MB"


def moment(value: datetime) -> str:
    """Write a time to the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def listed(words: list[str]) -> str:
    """Write words as a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def shown(text: str) -> str:
    """Replace what cannot be seen, or turns the direction of writing so that a name reads as another."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
