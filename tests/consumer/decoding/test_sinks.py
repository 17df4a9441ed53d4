"""A sink's room is where its windows are read from, and a sink hears that it is enough."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from consumer.decoding.messages import ChildEnd, Enough, Features, ParentEnd, Release, Shared
from consumer.decoding.shared_windows import SharedWindows, SlabShape, create
from consumer.decoding.sinks import FeatureSink, SharingSink
from tests.consumer.decoding.faults import fake_features

SHAPE = SlabShape(slabs=2, windows=3, window_samples=5)


@pytest.fixture
def link() -> Iterator[tuple[ParentEnd, ChildEnd]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ParentEnd(ours), ChildEnd(theirs)


@pytest.fixture
def memory() -> Iterator[tuple[SharedWindows, SharedWindows]]:
    descriptor = create(SHAPE)
    yield SharedWindows(descriptor, shape=SHAPE), SharedWindows(descriptor, shape=SHAPE)
    os.close(descriptor)


def test_windows_that_lie_in_their_room_are_shared_as_they_are(
    link: tuple[ParentEnd, ChildEnd], memory: tuple[SharedWindows, SharedWindows]
) -> None:
    (parent, child), (ours, theirs) = link, memory
    sink = SharingSink(child, theirs)
    sink.begin(4)
    room = sink.room(3)
    assert np.shares_memory(sink.room(3), room)
    room[:2] = 7.0
    sink.put(room[:2])
    room[0] = 8.0  # nobody may do so: it shows that nothing was copied

    (message,) = parent.receive()
    assert isinstance(message, Shared)
    assert (message.number, message.count) == (4, 2)
    np.testing.assert_array_equal(ours.view(message.slab, count=2)[:, 0], [8.0, 7.0])


def test_windows_from_elsewhere_are_copied_into_as_many_slabs_as_they_fill(
    link: tuple[ParentEnd, ChildEnd], memory: tuple[SharedWindows, SharedWindows]
) -> None:
    (parent, child), (ours, theirs) = link, memory
    sink = SharingSink(child, theirs)
    sink.begin(4)
    sink.put(np.arange(20, dtype=np.float32).reshape(4, 5))

    messages = parent.receive()
    found = [
        ours.view(message.slab, count=message.count) for message in messages if isinstance(message, Shared)
    ]
    np.testing.assert_array_equal(np.concatenate(found).ravel(), np.arange(20))


def test_room_waits_for_a_slab_and_hears_meanwhile_that_it_is_enough(
    link: tuple[ParentEnd, ChildEnd], memory: tuple[SharedWindows, SharedWindows]
) -> None:
    (parent, child), (_, theirs) = link, memory
    sink = SharingSink(child, theirs)
    sink.begin(4)
    for _ in range(2):
        sink.put(sink.room(3))
    taken = [message.slab for message in parent.receive() if isinstance(message, Shared)]
    assert sorted(taken) == [0, 1]
    parent.send(Enough(4))
    parent.send(Release(taken[1]))

    sink.put(sink.room(1))

    assert [message.slab for message in parent.receive() if isinstance(message, Shared)] == [taken[1]]
    assert sink.enough


def test_a_sink_that_featurizes_uses_the_same_memory_again(link: tuple[ParentEnd, ChildEnd]) -> None:
    parent, child = link
    sink = FeatureSink(child, fake_features, window_samples=5)
    sink.begin(4)
    room = sink.room(3)
    room[:] = 2.0
    sink.put(room[:2])

    (message,) = parent.receive()
    assert isinstance(message, Features)
    assert message.count == 2
    assert np.shares_memory(sink.room(2), room)


@pytest.mark.parametrize("kind", ["features", "samples"])
def test_the_word_that_it_is_enough_counts_for_its_own_track_only(
    kind: str, link: tuple[ParentEnd, ChildEnd], memory: tuple[SharedWindows, SharedWindows]
) -> None:
    (parent, child), (_, theirs) = link, memory
    sink = (
        FeatureSink(child, fake_features, window_samples=5)
        if kind == "features"
        else SharingSink(child, theirs)
    )
    answers = []
    for number, word in ((4, None), (4, 3), (4, 4), (5, None), (5, 4)):
        if word is None:
            sink.begin(number)
        else:
            parent.send(Enough(word))
        answers.append(sink.enough)
    assert answers == [False, False, True, False, False]
