"""Turns a given address, or the checkout's own Apache Kafka, into a real broker for one benchmark."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from consumer.bench.pinned import pinned
from consumer.errors import SettingsError

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_LOCAL_KAFKA: Final = Path("deploy", "local_kafka", "__main__.py")
_READY: Final = re.compile(r"ready on (\S+)")
_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker to measure against; `own` where it ends with the benchmark, and its topics with it."""

    bootstrap_servers: str
    own: bool


@contextmanager
def open_broker(bootstrap_servers: str | None, *, checkout: Path = _CHECKOUT) -> Iterator[Broker]:
    """Take the broker that is given; start one for the body where none is and this is a checkout.

    Raises
    ------
    SettingsError
        There is neither, or the checkout's does not start.
    """
    if bootstrap_servers is not None:
        yield Broker(bootstrap_servers, own=False)
        return
    if not (checkout / _LOCAL_KAFKA).is_file():
        raise SettingsError(
            "a real broker is needed: name one with --bootstrap-servers, or run from a checkout, which "
            "starts its own where Java 17 and Maven are found"
        )
    with tempfile.TemporaryFile("w+") as words, _started(checkout, words) as process:
        yield Broker(_await_address(process, words), own=True)


@contextmanager
def _started(checkout: Path, words: IO[str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "deploy.local_kafka", "--port", "0", "--no-topics"]
    process = subprocess.Popen(
        pinned(command, cores=None),
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=words,
        text=True,
        start_new_session=True,  # Ctrl-C is ours to handle: the worker is stopped before its broker
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await_address(process: subprocess.Popen[str], words: IO[str]) -> str:
    # It gives up by itself where the broker does not answer; so this read ends.
    for line in process.stdout or ():
        found = _READY.search(line)
        if found:
            return found.group(1)
    words.seek(0)
    told = words.read().strip().splitlines() or ["it said nothing"]
    raise SettingsError(
        f"no broker: {told[-1].removeprefix('error: ')}; or name one with --bootstrap-servers"
    )
