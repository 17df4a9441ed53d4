"""Turns tasks into a stream of events, by a pool of decoding children behind one selector."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import numpy as np
import structlog

from consumer.decoding.decoder import Decoder
from consumer.decoding.events import Event, Failed, Samples, Vectors
from consumer.decoding.messages import (
    Enough,
    Features,
    Fetched,
    Finished,
    FromChild,
    GarbledError,
    Raised,
    Ready,
    Retried,
    Shared,
    Task,
)
from consumer.decoding.nursery import Household, Nursery
from consumer.decoding.raised import exception_of
from consumer.errors import (
    DecoderHungError,
    DecoderOutOfMemoryError,
    FetchTimeoutError,
    UnexpectedError,
)
from consumer.metrics import Metrics

_WATCH_SECONDS: Final = 0.05
"""How often working children are weighed and timed: a track outgrows its limit by what 50 ms can allocate."""

_log = structlog.get_logger(__name__)


class DecodingPool:
    """Decoding children; one thread at a time may call it, but any thread `wake`.

    Parameters
    ----------
    household : Household
        What the children are.
    metrics : Metrics
        Counts children and their deaths.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, household: Household, *, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._width = household.setup.spec.width
        self._metrics = metrics
        self._clock = clock
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._drain_wake)
        self._holders: dict[int, Decoder] = {}
        self._events: list[Event] = []
        self._closed = False
        self._wake_lock = threading.Lock()
        self._processes = household.processes
        self._nursery = Nursery(
            household,
            selector=self._selector,
            on_message=self._read,
            on_death=self._bury,
            clock=clock,
        )

    @property
    def ready(self) -> int:
        """Children that have warmed up and live."""
        return sum(decoder.ready for decoder in self._nursery.decoders)

    @property
    def idle(self) -> int:
        """Children that can take a task now."""
        return sum(decoder.idle for decoder in self._nursery.decoders)

    @property
    def busy(self) -> int:
        """Tasks that children hold."""
        return len(self._holders)

    @property
    def pids(self) -> list[int]:
        """Process ids of the children and of the server that forks them."""
        return self._nursery.pids

    def start(self) -> None:
        """Ask for the children; does not wait for them."""
        self._nursery.populate(self._clock())

    def assign(self, task: Task, *, deadline: float) -> bool:
        """Give an idle child a task, to end by `deadline` in the clock's seconds; False if none took it."""
        for decoder in [decoder for decoder in self._nursery.decoders if decoder.idle]:
            try:
                decoder.assign(task, deadline=deadline, now=self._clock())
            except OSError:  # it has just died, and the task is not to blame
                self._nursery.dismiss(decoder)
                continue
            self._holders[task.number] = decoder
            return True
        return False

    def say_enough(self, number: int) -> None:
        """Have the child that holds a task send no more of its windows; it still ends with `Finished`."""
        decoder = self._holders.get(number)
        if decoder is not None:
            with suppress(OSError):  # it has just died, which will be reported
                decoder.link.send(Enough(number))

    def poll(self, timeout_seconds: float) -> list[Event]:
        """Wait for events, at most so long, and give them; watches over children and replaces the dead.

        Raises
        ------
        FatalError
            Children cannot start.
        """
        left = timeout_seconds
        while True:
            unsettled = self._holders or self.ready < self._processes
            patience = min(left, _WATCH_SECONDS) if unsettled else left
            readable = self._selector.select(patience)
            for key, _ in readable:
                key.data()
            now = self._clock()
            self._nursery.watch(now)
            self._nursery.populate(now)
            left -= patience
            if readable or self._events or left <= 0:
                break
        self._metrics.decoders.set(self.ready)
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """End the current or the next `poll` early."""
        # Locked against `close`: a closed descriptor's number may already be another file's.
        with self._wake_lock, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Kill all children, whatever they do; nothing but `wake` and `close` may be called afterwards."""
        with self._wake_lock:
            if self._closed:
                return
            self._closed = True
        self._nursery.close()
        self._holders.clear()
        self._events.clear()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._metrics.decoders.set(0)

    def _drain_wake(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4_096)

    def _read(self, decoder: Decoder) -> None:
        try:
            for message in decoder.link.receive():
                self._handle(decoder, message)
        except EOFError:
            self._nursery.dismiss(decoder)
        except GarbledError as exc:
            decoder.verdict = decoder.verdict or exc
            self._nursery.dismiss(decoder)

    def _handle(self, decoder: Decoder, message: FromChild) -> None:
        if isinstance(message, Ready):
            decoder.became_ready()
            return
        if isinstance(message, Raised) and not decoder.ready:
            decoder.start_error = exception_of(message)
            _log.error("decoder does not start", error=message.message, traceback=message.traceback)
            return
        if decoder.task is None or message.number != decoder.task.number:
            raise GarbledError(f"a {type(message).__name__} that belongs to no task")
        self._events.append(self._event(decoder, message, track_id=decoder.task.track_id))

    def _event(self, decoder: Decoder, message: FromChild, *, track_id: str) -> Event:
        match message:
            case Fetched():
                decoder.fetched(self._clock())
                return message
            case Retried():
                return message
            case Features():
                return _vectors(message, width=self._width)
            case Shared():
                windows = decoder.accept(message, now=self._clock())
                return Samples(message.number, windows, partial(self._release, decoder, message.slab))
            case Finished():
                self._end(decoder, message.number)
                return message
            case Raised():
                error = exception_of(message)
                if isinstance(error, UnexpectedError):
                    _log.error("unexpected error", track_id=track_id, traceback=message.traceback)
                if isinstance(error, DecoderOutOfMemoryError):
                    # Its heap is at the limit and full of holes: the next track deserves a fresh one.
                    decoder.verdict = error
                    self._nursery.kill(decoder)
                self._end(decoder, message.number)
                return Failed(message.number, error)
            case Ready():
                raise GarbledError("ready for the second time")

    def _release(self, decoder: Decoder, slab: int) -> None:
        if decoder in self._nursery.decoders:
            with suppress(OSError):
                decoder.release(slab, now=self._clock())

    def _end(self, decoder: Decoder, number: int) -> None:
        words = decoder.stderr.take()
        if words and decoder.task is not None:
            _log.debug("decoder wrote", track_id=decoder.task.track_id, text=words)
        del self._holders[number]
        decoder.ended()
        self._nursery.note_success()

    def _bury(self, decoder: Decoder, error: Exception) -> None:
        # A result that it sent with its last breath still counts.
        self._read(decoder)
        task = decoder.task
        cause = _cause(error) if task is not None or decoder.verdict is not None else "idle_death"
        self._metrics.decoder_restarts.labels(cause).inc()
        track_id = task.track_id if task is not None else None
        _log.warning("decoder died", pid=decoder.pid, cause=cause, track_id=track_id, error=str(error))
        if task is not None:
            del self._holders[task.number]
            self._events.append(Failed(task.number, error))


def _vectors(message: Features, *, width: int) -> Vectors:
    try:
        features = np.frombuffer(message.rows, dtype=np.float32).reshape(message.count, width)
    except (TypeError, ValueError) as exc:
        raise GarbledError(f"feature vectors of another shape: {exc}") from exc
    return Vectors(message.number, features)


def _cause(error: Exception) -> str:
    match error:
        case DecoderOutOfMemoryError():
            return "out_of_memory"
        case DecoderHungError() | FetchTimeoutError():
            return "hung"
        case _:
            return "crashed"
