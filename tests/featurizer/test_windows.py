"""Blocks become windows by whole samples, whatever the lengths of the blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from featurizer.errors import TooShortError
from featurizer.spec import GTZAN57
from featurizer.windows import Windower

SMALL = replace(GTZAN57, sample_rate=10, window_samples=30, min_samples=10)


def room() -> NDArray[np.float32]:
    return np.full((2, 30), -1.0, dtype=np.float32)


def cut(samples: NDArray[np.float32], block_lengths: list[int]) -> tuple[NDArray[np.float32], Windower]:
    """Windows of samples that are pushed in blocks of the given lengths, the rest as one block."""
    windower = Windower(SMALL, room=room)
    found: list[NDArray[np.float32]] = []
    position = 0
    for length in [*block_lengths, len(samples)]:
        found += windower.push(samples[position : position + length])
        position += length
    assert all(len(windows) == 2 for windows in found)
    return np.concatenate([*found, windower.flush()]), windower


@given(n_samples=st.integers(10, 200), block_lengths=st.lists(st.integers(0, 70), max_size=12))
def test_windows_do_not_depend_on_the_lengths_of_the_blocks(n_samples: int, block_lengths: list[int]) -> None:
    samples = np.arange(n_samples, dtype=np.float32)
    n_windows = n_samples // 30

    windows, windower = cut(samples, block_lengths)

    expected = samples[: 30 * n_windows] if n_windows else np.resize(samples, 30)
    np.testing.assert_array_equal(windows, expected.reshape(-1, 30))
    assert windower.samples == n_samples
    assert windower.short == (n_windows == 0)


def test_rest_after_a_whole_window_is_dropped() -> None:
    windows, windower = cut(np.arange(59, dtype=np.float32), [])

    assert windows.shape == (1, 30)
    assert not windower.short


@pytest.mark.parametrize("n_samples", [10, 14, 15, 29])
def test_clip_is_repeated_from_its_start_until_the_window_is_full(n_samples: int) -> None:
    windows, windower = cut(np.arange(n_samples, dtype=np.float32), [])

    np.testing.assert_array_equal(windows[0], [index % n_samples for index in range(30)])
    assert windower.short


@pytest.mark.parametrize("n_samples", [0, 1, 9])
def test_less_than_the_least_is_too_short(n_samples: int) -> None:
    windower = Windower(SMALL, room=room)
    list(windower.push(np.zeros(n_samples, dtype=np.float32)))

    with pytest.raises(TooShortError, match=f"duration_seconds={n_samples / 10:.3f}"):
        windower.flush()


def test_windows_lie_where_room_says_and_the_caller_may_reuse_its_block() -> None:
    memory = np.empty((2, 2, 30), dtype=np.float32)
    rooms = iter(memory)
    windower = Windower(SMALL, room=lambda: next(rooms))
    block = np.ones(45, dtype=np.float32)
    assert list(windower.push(block)) == []
    block[:] = 7.0
    (windows,) = windower.push(block[:15])
    rest = [*windower.push(block), windower.flush()][0]

    assert np.shares_memory(windows, memory[0])
    np.testing.assert_array_equal(windows, [[1.0] * 30, [1.0] * 15 + [7.0] * 15])
    assert np.shares_memory(rest, memory[1])
    np.testing.assert_array_equal(rest, [[7.0] * 30])


@pytest.mark.parametrize("call", ["push", "flush"])
def test_nothing_follows_flush(call: str) -> None:
    windower = Windower(SMALL, room=room)
    list(windower.push(np.zeros(30, dtype=np.float32)))
    windower.flush()

    with pytest.raises(ValueError, match="was flushed"):
        windower.flush() if call == "flush" else list(windower.push(np.zeros(1, dtype=np.float32)))
