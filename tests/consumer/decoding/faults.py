"""Turns task URIs into what a decoding child suffers: `segv:`, `hang:`, `ok:3` (three windows) and so on.

Children import this module by name, in a fresh interpreter, so it stays light.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from consumer.decoding.messages import Fetched, Finished, Retried, Task, Tell
from consumer.decoding.sinks import Featurize, WindowSink
from consumer.decoding.work import DoTask
from consumer.errors import AudioNotFoundError
from featurizer.errors import NotAudioError
from featurizer.spec import FeatureSpec

WINDOW_SAMPLES = 66_150


def fake_features(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat each window's first sample as all its features: shape [n, width of the spec]."""
    return np.repeat(windows[:, :1], 57, axis=1)


@dataclass(frozen=True, slots=True)
class Faulty:
    """Work that does what the URI's scheme says; `start` may name a fault of the start itself."""

    start: str = ""

    preload: ClassVar[tuple[str, ...]] = ()
    featurizer_preload: ClassVar[tuple[str, ...]] = ()

    def featurizer(self, spec: FeatureSpec) -> Featurize:
        return fake_features

    def prepare(self) -> DoTask:
        if self.start == "raise":
            raise ImportError("no such library: libfault.so")
        if self.start == "exit":
            os._exit(7)
        return _do


class UnpicklableError(Exception):
    """Cannot be pickled, cannot even be built from its message."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__("a lock and a lambda")
        self.lock = lambda: (first, second)


class MuteError(Exception):
    """Cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def _do(task: Task, sink: WindowSink, tell: Tell) -> Finished:
    kind, _, argument = task.uri.partition(":")
    if kind == "hang-in-fetch":
        time.sleep(600)
    if kind == "retried":
        tell(Retried(task.number, "timeout"))
    tell(Fetched(task.number, 0.001, size_bytes=1_000))
    _suffer(kind, argument)
    n_windows = int(argument) if kind == "ok" else 1
    for index in range(n_windows):
        sink.put(np.full((1, WINDOW_SAMPLES), float(index), dtype=np.float32))
    if kind == "until-enough":
        n_windows = _until_enough(sink, most=int(argument))
    if kind == "last-breath":
        threading.Timer(0.05, os._exit, (1,)).start()
    if kind == "crash-late":
        os.kill(os.getpid(), signal.SIGSEGV)
    return Finished(
        task.number,
        duration_seconds=3.0 * n_windows,
        codec="fake",
        sample_rate=22_050,
        warnings=("short",) if kind == "warn" else (),
        decode_seconds=0.002,
        featurize_seconds=sink.featurize_seconds,
        windows=tuple(range(1, n_windows + 1)) if kind == "until-enough" else None,
        stopped=kind == "until-enough" and sink.enough,
    )


def _until_enough(sink: WindowSink, *, most: int) -> int:
    """Go on with the one window that was sent, until the parent wants no more or there are no more."""
    n_windows = 1
    while n_windows < most and not sink.enough:
        room = sink.room(1)
        room[:] = 0.0
        sink.put(room)
        n_windows += 1
        time.sleep(0.002)
    return n_windows


def _suffer(kind: str, argument: str) -> None:
    fault = _FAULTS.get(kind)
    if fault is not None:
        fault(argument)


def _segv(_: str) -> None:
    ctypes.string_at(0)


def _kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(status: str) -> NoReturn:
    sys.exit(int(status))


def _hang(_: str) -> None:
    time.sleep(600)


def _hang_in_c(_: str) -> None:
    # Keeps the interpreter's lock: no Python thread of this process runs any more.
    ctypes.PyDLL(None).sleep(600)


def _slow(seconds: str) -> None:
    time.sleep(float(seconds))


def _eat(megabytes: str) -> None:
    eaten = [np.ones(1 << 17) for _ in range(int(megabytes))]
    time.sleep(600)
    del eaten


def _allocate(megabytes: str) -> None:
    np.empty(int(megabytes) << 20, dtype=np.uint8)


def _chatter(times: str) -> None:
    for _ in range(int(times)):
        sys.stdout.write("\x00\xff noise" * 100)
        os.write(2, b"libdecoder: warning \xfe\n" * 10)


def _complain(words: str) -> None:
    os.write(2, f"libdecoder: {words}\n".encode())
    os.abort()


def _raise_strange(_: str) -> None:
    raise UnpicklableError(1, 2)


def _raise_unprintable(_: str) -> None:
    raise MuteError


def _raise_not_found(_: str) -> None:
    raise AudioNotFoundError("nothing is stored here")


def _raise_not_audio(_: str) -> None:
    raise NotAudioError("plain text")


def _write_garbage(_: str) -> None:
    sockets = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_socket()]
    for fd in sockets:
        os.write(int(fd.name), b"\x00\x00\x00\x08garbage!")
    time.sleep(600)


_FAULTS = {
    "segv": _segv,
    "kill": _kill,
    "exit": _exit,
    "hang": _hang,
    "hang-in-c": _hang_in_c,
    "slow": _slow,
    "eat": _eat,
    "allocate": _allocate,
    "chatter": _chatter,
    "complain": _complain,
    "strange": _raise_strange,
    "unprintable": _raise_unprintable,
    "not-found": _raise_not_found,
    "not-audio": _raise_not_audio,
    "garbage": _write_garbage,
}
