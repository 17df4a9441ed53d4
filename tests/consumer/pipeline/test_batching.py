"""A batch is due when it is full or its oldest entry has waited long enough, and keeps the order."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.batching import Batcher


def batcher() -> Batcher[str]:
    return Batcher(max_windows=10, max_wait_seconds=0.5)


def test_nothing_is_never_due() -> None:
    empty = batcher()
    assert empty.due_at() == inf
    assert empty.take() == []


def test_a_batch_is_due_when_its_oldest_entry_has_waited() -> None:
    waiting = batcher()
    waiting.add("a", windows=3, now=100.0)
    waiting.add("b", windows=3, now=100.4)
    assert waiting.due_at() == 100.5
    assert waiting.take() == ["a", "b"]
    assert len(waiting) == 0


def test_a_full_batch_is_due_at_once_and_leaves_the_rest() -> None:
    full = batcher()
    for name in "abc":
        full.add(name, windows=4, now=0.0)
    assert full.due_at() == -inf
    assert full.take() == ["a", "b"]
    assert full.due_at() == 0.5


def test_an_entry_larger_than_a_batch_goes_alone() -> None:
    large = batcher()
    large.add("huge", windows=4_800, now=0.0)
    large.add("small", windows=1, now=0.0)
    assert large.take() == ["huge"]
    assert large.take() == ["small"]


@given(st.lists(st.integers(min_value=1, max_value=30)))
def test_every_entry_comes_out_once_in_order_and_batches_keep_the_limit(sizes: list[int]) -> None:
    collected: Batcher[int] = Batcher(max_windows=10, max_wait_seconds=0.5)
    for index, windows in enumerate(sizes):
        collected.add(index, windows=windows, now=float(index))
    out: list[int] = []
    while batch := collected.take():
        assert len(batch) == 1 or sum(sizes[index] for index in batch) <= 10
        out += batch
    assert out == list(range(len(sizes)))
    assert collected.due_at() == inf
