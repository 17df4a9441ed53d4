"""The server makes once what its children share, and reports how a child ended, not how its parent acted."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NoReturn

from consumer.decoding.fork_server import ForkServer, Report
from tests.consumer.decoding.processes import alive, eventually


class _Slow:
    """Closes a link when it is let go, and takes its time afterwards."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def __del__(self) -> None:
        self._link.close()
        time.sleep(0.3)


def leave(descriptors: Sequence[int]) -> NoReturn:
    (descriptor,) = descriptors
    _held = _Slow(socket.socket(fileno=descriptor))
    sys.exit(3)


_made: list[int] = []


def make_something() -> None:
    _made.append(os.getpid())


def tell_who_made_it(descriptors: Sequence[int]) -> None:
    (descriptor,) = descriptors
    with socket.socket(fileno=descriptor) as link:
        link.sendall(repr(_made).encode())


def _reports(server: ForkServer) -> Iterator[Report]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        yield from server.reports()
        time.sleep(0.01)
    raise AssertionError("no report")


def test_a_child_that_is_killed_when_its_link_ends_is_reported_with_its_own_status() -> None:
    server = ForkServer(f"{__name__}:leave")
    try:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                server.fork([theirs.fileno()])
            reports = _reports(server)
            born = next(reports)
            ours.settimeout(20)
            assert ours.recv(1) == b""
            server.kill(born.pid)
            assert next(reports) == Report(born.pid, 3)
    finally:
        server.close()


def test_children_share_what_a_preloaded_function_made_before_they_were_forked() -> None:
    server = ForkServer(
        f"{__name__}:tell_who_made_it", preload=[f"{__name__}:make_something", "no.such:thing"]
    )
    try:
        for _ in range(2):
            ours, theirs = socket.socketpair()
            with ours:
                with theirs:
                    server.fork([theirs.fileno()])
                ours.settimeout(20)
                assert ours.recv(100).decode() == f"[{server.pid}]"
    finally:
        server.close()


def load_for_ever() -> NoReturn:
    while True:
        time.sleep(60)


PARENT = """
import os, sys
from consumer.decoding.fork_server import ForkServer
server = ForkServer("{module}:leave", preload=["{module}:load_for_ever"])
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_a_server_that_loads_for_ever_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(module=__name__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert alive([server])
        parent.kill()
        assert eventually(lambda: not alive([server]))


def tell_of_collections(descriptors: Sequence[int]) -> None:
    (descriptor,) = descriptors
    with socket.socket(fileno=descriptor) as link:
        link.sendall(f"{gc.isenabled()} {gc.get_freeze_count() > 0}".encode())


def test_children_collect_their_garbage_but_not_what_was_loaded_before() -> None:
    server = ForkServer(f"{__name__}:tell_of_collections")
    try:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                server.fork([theirs.fileno()])
            ours.settimeout(20)
            assert ours.recv(100) == b"True True"
    finally:
        server.close()
