"""Each round's failure is kept in headers behind the upload's own, the last ten of them."""

from __future__ import annotations

from consumer.dead_letters.history import rounds_of, with_round
from consumer.jobs import Headers

OWN: Headers = (("traceparent", b"00-a"), ("redriven-by", b"a person"), ("x", None))
OURS = {"reason": "not_found", "error-message": "m" * 999, "attempts": "4", "partition": "2"}


def _round(carried: Headers, number: int) -> Headers:
    return with_round(carried, ours=OURS, source=f"dlq/0/{number}", origin=f"up/2/{number}", now="2030")


def test_a_round_tells_why_when_how_often_and_which_letter() -> None:
    assert rounds_of(OWN) == 0
    carried = _round(OWN, 7)
    assert carried[: len(OWN)] == OWN
    assert carried[len(OWN) :] == (
        ("redrive-count", b"1"),
        ("redriven-from", b"dlq/0/7"),
        ("redriven-at", b"2030"),
        ("redriven-reason", b"not_found"),
        ("redriven-error-message", b"m" * 256),
        ("redriven-attempts", b"4"),
        ("redriven-origin", b"up/2/7"),
    )


def test_of_many_rounds_the_last_ten_are_kept_and_all_are_counted() -> None:
    carried = OWN
    for number in range(1, 31):
        carried = _round(carried, number)
    assert rounds_of(carried) == 30
    assert carried[: len(OWN)] == OWN
    letters = [value for name, value in carried if name == "redriven-from"]
    assert letters == [b"dlq/0/%d" % number for number in range(21, 31)]
    assert len(carried) == len(OWN) + 10 * 7


def test_a_count_that_is_none_is_no_count() -> None:
    for value in (b"", b"-1", b"9" * 5_000, b"\xff", "²".encode(), None):
        assert rounds_of((("redrive-count", value),)) == 0
