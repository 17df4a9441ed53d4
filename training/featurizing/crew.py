"""Turns tracks into their features on all cores, by child processes that may crash or hang on a bad file."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from training.errors import TrainingError
from training.featurizing.child import Answer, Ready, Refused, Unable, serve
from training.featurizing.track import Prepare, TrackFeatures
from training.featurizing.walk import Track

PREPARE_SECONDS: Final = 900.0
"""Compiling the kernels takes about a minute of one process on a fresh machine, while the others wait."""
_LOOK_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0

Outcome = TrackFeatures | Refused


class CrewError(TrainingError):
    """No child can be started."""

    reason: ClassVar[str] = "featurizing_failed"


@dataclass(slots=True)
class _Child:
    process: SpawnProcess
    link: Connection[Path, Answer]
    deadline: float
    ready: bool = False
    track: Track | None = field(default=None)


class Crew:
    """Featurizes files in child processes; a context manager. One thread.

    The children are fresh interpreters, since a featurizer that was loaded does not survive a fork. Each has
    one file at a time: a decoder that crashes or hangs takes that file only, and a new child takes the place
    of its own.

    Parameters
    ----------
    n_children : int
        At least 1.
    prepare : Prepare
        Called once in each child.
    file_seconds : float
        How long one file may take; then its child is killed.
    clock : callable, optional
        Monotonic seconds.

    Raises
    ------
    CrewError
        From `outcomes`: a child cannot load what it needs.
    """

    def __init__(
        self,
        n_children: int,
        *,
        prepare: Prepare,
        file_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._n_children = n_children
        self._prepare = prepare
        self._file_seconds = file_seconds
        self._clock = clock
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the children; one that is at work is killed."""
        for child in self._children:
            child.link.close()
            if child.track is not None or not child.ready:
                child.process.kill()
        for child in self._children:
            _end(child.process)
        self._children.clear()

    def outcomes(self, tracks: Sequence[Track]) -> Iterator[tuple[Track, Outcome]]:
        """Give each track with what became of it, in the order in which they end; blocks for the next one."""
        waiting = list(reversed(tracks))
        self._children.extend(self._start() for _ in range(min(self._n_children, len(tracks))))
        while waiting or any(child.track is not None for child in self._children):
            now = self._clock()
            left = min(_LOOK_SECONDS, *(child.deadline - now for child in self._children))
            heard = wait([child.link for child in self._children], timeout=max(0.0, left))
            for child in [child for child in self._children if child.link in heard]:
                yield from self._hear(child)
            for child in [child for child in self._children if child.deadline <= self._clock()]:
                yield from self._lose(child, Refused("timed_out", f"longer than {self._file_seconds:g} s"))
            self._assign(waiting)

    def _assign(self, waiting: list[Track]) -> None:
        for child in self._children:
            if child.ready and child.track is None and waiting:
                child.track = waiting.pop()
                child.deadline = self._clock() + self._file_seconds
                try:
                    child.link.send(child.track.path)
                except ConnectionError:  # it died between two files: what is asked next finds the end
                    continue

    def _hear(self, child: _Child) -> Iterator[tuple[Track, Outcome]]:
        try:
            answer = child.link.recv()
        except (EOFError, ConnectionError):
            child.process.join(_END_SECONDS)
            yield from self._lose(child, Refused("crashed", _death(child.process.exitcode)))
            return
        match answer:
            case Ready():
                child.ready, child.deadline = True, float("inf")
            case Unable(message):
                raise CrewError(f"the featurizer cannot start: {message}")
            case TrackFeatures() | Refused():
                track, child.track, child.deadline = child.track, None, float("inf")
                if track is not None:
                    yield track, answer

    def _lose(self, child: _Child, why: Refused) -> Iterator[tuple[Track, Outcome]]:
        child.process.kill()
        child.link.close()
        _end(child.process)
        place = self._children.index(child)
        del self._children[place]
        if not child.ready:
            raise CrewError(f"the featurizer cannot start: its process ended, {why.message}")
        self._children.insert(place, self._start())
        if child.track is not None:
            yield child.track, why

    def _start(self) -> _Child:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, self._prepare), daemon=True
        )
        with _deaf_to_interrupts():
            process.start()
        theirs.close()  # else the link of a dead child would never end
        return _Child(process, ours, deadline=self._clock() + PREPARE_SECONDS)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    # A child inherits it: Ctrl-C must not fill the terminal with the tracebacks of children that still load.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the process was killed by signal {-exit_code}"
    return f"the process ended with status {exit_code}"


def _end(process: SpawnProcess) -> None:
    process.join(_END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
