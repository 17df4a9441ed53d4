"""A policy says which windows of a track are used, and reads what it writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizer.window_policy import ALL, MAX_COUNT, WindowPolicy


@pytest.mark.parametrize("text", ["all", "first:1", "spread:10", f"spread:{MAX_COUNT}"])
def test_policy_reads_what_it_writes(text: str) -> None:
    assert str(WindowPolicy.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "ALL", "first", "first:", "first:0", "first:-1", "spread:1.5", "spread: 3", "spread:241", "last:3"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"policy|expected"):
        WindowPolicy.parse(text)


def test_a_policy_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="all, first:N or spread:N"):
        WindowPolicy("all", 3)
    with pytest.raises(ValueError, match="all, first:N or spread:N"):
        WindowPolicy("spread")


@given(count=st.integers(1, MAX_COUNT), n_windows=st.integers(0, 5_000))
def test_chosen_windows_are_as_many_as_asked_ascending_and_there(count: int, n_windows: int) -> None:
    assert ALL.choose(n_windows) == tuple(range(n_windows))
    for kind in ("first", "spread"):
        chosen = WindowPolicy.parse(f"{kind}:{count}").choose(n_windows)
        assert len(chosen) == min(count, n_windows)
        assert list(chosen) == sorted(set(chosen))
        assert all(0 <= number < n_windows for number in chosen)


@given(count=st.integers(1, MAX_COUNT), n_windows=st.integers(1, 5_000))
def test_spread_windows_lie_in_the_middle_of_equal_shares(count: int, n_windows: int) -> None:
    chosen = WindowPolicy("spread", count).choose(n_windows)
    share = n_windows / len(chosen)
    for part, number in enumerate(chosen):
        assert abs(number + 0.5 - (part + 0.5) * share) <= 1.0


def test_ten_of_eighty_windows_are_every_eighth_from_the_fourth() -> None:
    assert WindowPolicy("spread", 10).choose(80) == tuple(range(4, 80, 8))
