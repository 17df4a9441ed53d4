"""Numbers are written with three digits, real signs and units that fit their size."""

from __future__ import annotations

import pytest

from training.report.spelling import listed, points, seconds, shown, signed, signed_between, size, three


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (9.999, "10.0"), (99.96, "100"), (1234.0, "1,230"),
        (-56.78, "\N{MINUS SIGN}56.8"), (3.14e-7, "3.14e\N{MINUS SIGN}7"), (2.5e12, "2.50e12"),
        (None, "\N{EN DASH}"), (float("nan"), "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert three(value) == text


def test_durations_and_sizes_have_units_that_fit() -> None:
    assert [seconds(value) for value in (1.5, 99.0, 240.0, 7_200.0)] == [
        "1.50 s",
        "99.0 s",
        "4.00 min",
        "2.00 h",
    ]
    assert [size(value) for value in (900, 1_240_000)] == ["0.900 kB", "1.24 MB"]


def test_differences_have_signs_and_no_negative_zero() -> None:
    assert [signed(value) for value in (0.0214, -0.0214, -0.0001)] == [
        "+0.021",
        "\N{MINUS SIGN}0.021",
        "±0.000",
    ]
    assert signed_between((-0.01, 0.02)) == "\N{MINUS SIGN}0.010 to +0.020"
    assert points(0.323) == "+32.3"


def test_words_are_joined_as_a_person_would_and_hidden_letters_are_seen() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert shown("a\N{RIGHT-TO-LEFT OVERRIDE}b\x00") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
