"""Frames survive any fragmentation, and nonsense is an error instead of code that runs."""

from __future__ import annotations

import os
import pickle
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.decoding.messages import (
    ChildEnd,
    Features,
    Fetched,
    Finished,
    FromChild,
    GarbledError,
    LinkClosedError,
    ParentEnd,
    Raised,
    Ready,
    Release,
    Retried,
    Shared,
    Task,
)

MESSAGES: list[FromChild] = [
    Ready(),
    Retried(1, "timeout"),
    Fetched(1, seconds=0.5, size_bytes=3),
    Features(1, rows=bytes(60_000), count=263),
    Shared(1, slab=0, count=16),
    Finished(1, 30.0, "mp3", 44_100, ("clipped",), decode_seconds=0.1, featurize_seconds=0.2),
    Raised(1, "builtins.ValueError", "no", "Traceback"),
]

Pair = tuple[ParentEnd, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    parent, child = socket.socketpair()
    with parent, child:
        yield ParentEnd(parent), child


def test_every_message_arrives_whole_however_it_is_cut(pair: Pair) -> None:
    parent, child = pair
    mirror, theirs = socket.socketpair()
    with mirror, theirs:
        for message in MESSAGES:
            ChildEnd(mirror).send(message)
            raw = theirs.recv(1 << 20)
            while raw:
                child.send(raw[:20_011])
                arrived = parent.receive()
                raw = raw[20_011:]
                assert arrived == ([] if raw else [message])


def test_many_messages_arrive_at_once_and_the_end_comes_last(pair: Pair) -> None:
    parent, child = pair
    for message in MESSAGES:
        ChildEnd(child).send(message)
    child.close()
    assert parent.receive() == MESSAGES
    with pytest.raises(EOFError):
        parent.receive()


def test_messages_to_the_child_arrive_and_its_parents_end_is_an_error(pair: Pair) -> None:
    parent, child = pair
    task = Task(7, track_id="t", uri="file:///a.mp3", fetch_seconds=9.0)
    parent.send(task)
    parent.send(Release(1))
    end = ChildEnd(child)
    assert [end.receive(), end.receive()] == [task, Release(1)]
    parent.close()
    with pytest.raises(LinkClosedError):
        end.receive()


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploited",)


def frame(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


@pytest.mark.parametrize(
    "raw",
    [
        frame(pickle.dumps(Exploit())),
        frame(pickle.dumps({"a": 1})),
        frame(pickle.dumps(Task(1, track_id="t", uri="u", fetch_seconds=1.0))),
        frame(pickle.dumps(Ready)),
        frame(b"garbage!"),
        frame(b""),
        struct.pack("!I", 1 << 31),
    ],
)
def test_nonsense_is_refused_and_never_run(
    pair: Pair, raw: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parent, child = pair
    child.sendall(raw)
    with pytest.raises(GarbledError):
        parent.receive()
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_does_not_read_fails_the_parent_instead_of_blocking_it(pair: Pair) -> None:
    parent, _ = pair
    task = Task(7, track_id="t", uri="x" * 8_192, fetch_seconds=9.0)

    def send_for_ever() -> None:
        while True:
            parent.send(task)

    with pytest.raises(BlockingIOError):
        send_for_ever()
