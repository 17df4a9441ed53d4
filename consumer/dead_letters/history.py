"""Turns a dead letter's past into headers of the upload that it becomes again, and counts such rounds.

They follow the upload's own headers, one block a round, the latest last; so a label or a second dead letter
of it tells the whole story.

==========================  ======================================================================
`redrive-count`             which round this is, from 1; begins the block
`redriven-from`             the dead letter: `TOPIC/PARTITION/OFFSET`
`redriven-at`               RFC 3339 in UTC
`redriven-reason`           why the letter's last attempt had failed
`redriven-error-message`    its text, at most 256 characters
`redriven-attempts`         deliveries made in that round
`redriven-first-failed-at`  RFC 3339 in UTC
`redriven-failed-at`        RFC 3339 in UTC
`redriven-origin`           the record that had failed: `TOPIC/PARTITION/OFFSET`
==========================  ======================================================================

The last ten rounds are kept.
"""

from __future__ import annotations

from typing import Final

from consumer.jobs import Headers

_COUNT: Final = "redrive-count"
_PREFIX: Final = "redriven-"
_MOST_ROUNDS: Final = 10  # some 5 KiB: a letter that is redriven for ever must not outgrow its topic
_MAX_MESSAGE_LENGTH: Final = 256  # characters
_MAX_COUNT_DIGITS: Final = 9
_KEPT: Final = ("reason", "error-message", "attempts", "first-failed-at", "failed-at")


def rounds_of(carried: Headers) -> int:
    """Count the redrives that an upload's headers tell of."""
    told = [value for name, value in carried if name == _COUNT]
    last = (told[-1] or b"") if told else b""  # another producer may write anything
    return int(last) if last.isdigit() and len(last) <= _MAX_COUNT_DIGITS else 0


def with_round(carried: Headers, *, ours: dict[str, str], source: str, origin: str, now: str) -> Headers:
    """Give an upload's headers with one more round.

    Parameters
    ----------
    carried : Headers
        The upload's own, with earlier rounds.
    ours : dict of str to str
        The dead letter's block.
    source, origin : str
        The dead letter and the record that had failed, as `TOPIC/PARTITION/OFFSET`.
    now : str
        RFC 3339.
    """
    told = {
        _COUNT: str(rounds_of(carried) + 1),
        f"{_PREFIX}from": source,
        f"{_PREFIX}at": now,
        **{f"{_PREFIX}{name}": ours[name][:_MAX_MESSAGE_LENGTH] for name in _KEPT if name in ours},
        f"{_PREFIX}origin": origin,
    }
    block = tuple((name, text.encode()) for name, text in told.items())
    return (*_without_oldest(carried), *block)


def _without_oldest(carried: Headers) -> Headers:
    """Drop the oldest round where no more fit."""
    starts = [index for index, (name, _) in enumerate(carried) if name == _COUNT]
    if len(starts) < _MOST_ROUNDS:
        return carried
    end = starts[0] + 1
    while end < len(carried) and carried[end][0].startswith(_PREFIX):
        end += 1
    return (*carried[: starts[0]], *carried[end:])
