"""A fork server that was begun early is the one that children come from, if it fits, and never a burden."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from consumer.config import FetchSettings
from consumer.decoding import head_start
from consumer.decoding.child import Setup
from consumer.decoding.fork_server import ForkServer
from consumer.decoding.work import FetchAndDecode
from featurizer.errors import MissingExtraError
from featurizer.spec import GTZAN57

USUAL = (head_start.CHILD_PRELOAD, *head_start.DECODING_PRELOAD, *head_start.FEATURIZING_PRELOAD)


class Begun:
    """The servers that were started, none of which loads anything."""

    def __init__(self) -> None:
        self.servers: list[ForkServer] = []

    def start(self, child: str, *, preload: tuple[str, ...]) -> ForkServer:
        assert child == head_start.CHILD
        assert tuple(preload) == USUAL[: len(preload)]
        self.servers.append(ForkServer("os:close"))
        return self.servers[-1]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begun]:
    begun = Begun()
    monkeypatch.setattr(head_start, "ForkServer", begun.start)
    monkeypatch.setattr(head_start, "_under_way", [])
    monkeypatch.setattr(head_start, "cuda_devices", lambda: 0)
    monkeypatch.setattr("featurizer.kernel_store.warm_stores", lambda _level: ["a warm one"])
    yield begun
    for server in begun.servers:
        server.close()


def lives(server: ForkServer) -> bool:
    try:
        os.kill(server.pid, 0)
    except ProcessLookupError:
        return False
    return True


def without_the_compiler(_level: object) -> list[object]:
    raise MissingExtraError("numba is not installed")


def test_what_is_begun_is_what_the_usual_children_of_a_cpu_load() -> None:
    work = FetchAndDecode(FetchSettings(), max_duration_seconds=60.0, spec=GTZAN57)
    setup = Setup(work, spec=GTZAN57, slabs=None, max_memory_bytes=1)

    assert setup.preload == USUAL


def test_the_server_that_was_begun_is_taken_once(begun: Begun) -> None:
    head_start.begin()
    head_start.begin()
    first, second = head_start.take(USUAL), head_start.take(USUAL)

    assert begun.servers == [first, second]
    assert first is not second
    assert lives(first)


def test_children_that_load_something_else_get_a_server_of_their_own(begun: Begun) -> None:
    head_start.begin()
    server = head_start.take(USUAL[:1])

    first, second = begun.servers
    assert server is second
    assert not lives(first)


def test_a_server_that_was_begun_in_another_environment_is_not_taken(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    head_start.begin()
    monkeypatch.setenv("GENRESTREAM_KERNEL_CACHE", "somewhere else")
    server = head_start.take(USUAL)

    first, second = begun.servers
    assert server is second
    assert not lives(first)


def test_a_server_that_nobody_took_ends_with_the_command(begun: Begun) -> None:
    head_start.begin()
    head_start._abandon()

    (server,) = begun.servers
    assert not lives(server)
    assert head_start.take(USUAL) is not server


@pytest.mark.parametrize("stores", [lambda _level: [], without_the_compiler], ids=["cold", "no compiler"])
def test_nothing_stays_begun_where_kernels_are_not_warm(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, stores: Callable[[object], list[object]]
) -> None:
    monkeypatch.setattr("featurizer.kernel_store.warm_stores", stores)
    head_start.begin()

    assert not any(lives(server) for server in begun.servers)
    assert not head_start._under_way


def test_nothing_is_begun_where_a_gpu_may_do_the_work(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_start, "cuda_devices", lambda: 1)
    head_start.begin()

    assert not begun.servers
