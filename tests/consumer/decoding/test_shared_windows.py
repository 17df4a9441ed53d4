"""Two mappings of one shared memory show the same windows, and only those that it has room for."""

from __future__ import annotations

import os

import numpy as np
import pytest

from consumer.decoding.shared_windows import SharedWindows, SlabShape, create

SHAPE = SlabShape(slabs=2, windows=3, window_samples=5)


def test_what_one_side_writes_the_other_reads_after_the_descriptor_is_closed() -> None:
    descriptor = create(SHAPE)
    ours = SharedWindows(descriptor, shape=SHAPE)
    theirs = SharedWindows(descriptor, shape=SHAPE)
    os.close(descriptor)
    ours.view(1, count=2)[:] = np.arange(10, dtype=np.float32).reshape(2, 5)
    assert theirs.view(1, count=2).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert not theirs.view(0, count=3).any()


@pytest.mark.parametrize(("slab", "count"), [(2, 1), (-1, 1), (0, 4), (0, -1)])
def test_windows_that_are_not_there_are_refused(slab: int, count: int) -> None:
    descriptor = create(SHAPE)
    shared = SharedWindows(descriptor, shape=SHAPE)
    os.close(descriptor)
    with pytest.raises(ValueError, match="no such windows"):
        shared.view(slab, count=count)
