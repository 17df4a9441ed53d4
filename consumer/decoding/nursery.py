"""Turns a number of wanted children into that many living ones: births, deaths and replacements."""

from __future__ import annotations

import selectors
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from consumer.decoding import head_start
from consumer.decoding.child import Setup
from consumer.decoding.decoder import Decoder, Limits
from consumer.decoding.fork_server import ForkServer
from consumer.decoding.messages import ParentEnd
from consumer.decoding.standard_error import StandardError
from consumer.errors import DecodersUnavailableError, Disposition, disposition, reason

_MOST_FAILED_STARTS: Final = 3
"""Children that die, one after another, before any has ended a track: no track is to blame."""
_STEADY_SECONDS: Final = 60.0
"""A child that lived so long did start; its death in idleness is an accident."""
_BACKOFF_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Household:
    """What the children are: what each is told, how many they are, and what a track may take of one."""

    setup: Setup
    processes: int
    limits: Limits


class Nursery:
    """The children of a pool and the server that forks them; owned by the pool's thread.

    Parameters
    ----------
    household : Household
        What the children are.
    selector : selectors.BaseSelector
        Gets every descriptor to watch, with a function of no argument to call as its data.
    on_message : callable
        Called with a child whose link can be read.
    on_death : callable
        Called with a child that died and why, while its link can still be read.
    clock : callable
        Monotonic seconds.

    Attributes
    ----------
    decoders : set of Decoder
        The children, those that are being born included.
    """

    def __init__(
        self,
        household: Household,
        *,
        selector: selectors.BaseSelector,
        on_message: Callable[[Decoder], None],
        on_death: Callable[[Decoder, Exception], None],
        clock: Callable[[], float],
    ) -> None:
        self._household = household
        self._selector = selector
        self._on_message = on_message
        self._on_death = on_death
        self._clock = clock
        self._server: ForkServer | None = None
        self._unborn: deque[Decoder] = deque()
        self._failed_starts = 0
        self._not_before = 0.0
        self.decoders: set[Decoder] = set()

    @property
    def pids(self) -> list[int]:
        """Process ids of the server and the children."""
        if self._server is None:
            return []
        return [self._server.pid, *(decoder.pid for decoder in self.decoders if decoder.pid is not None)]

    def populate(self, now: float) -> None:
        """Ask for the children that are missing; does not wait for them."""
        missing = self._household.processes - len(self.decoders)
        if not missing or now < self._not_before:
            return
        if self._server is None:
            self._server = head_start.take(self._household.setup.preload)
            self._selector.register(self._server, selectors.EVENT_READ, self._read_reports)
        for _ in range(missing):
            self._ask_for_one(self._server, now)

    def watch(self, now: float) -> None:
        """Kill the children that take too long or too much."""
        judged = [decoder for decoder in self.decoders if decoder.judge(now)]
        for decoder in judged:
            self.kill(decoder)
        if self._server is not None and any(decoder.pid is None for decoder in judged):
            self._lose_server(self._server)  # it has not even forked: stuck in an import

    def kill(self, decoder: Decoder) -> None:
        """Kill a child; its death is told by `on_death`."""
        if self._server is not None and decoder.pid is not None:
            self._server.kill(decoder.pid)

    def dismiss(self, decoder: Decoder) -> None:
        """Kill a child that has nothing more to say."""
        self._silence(decoder.link)
        self.kill(decoder)

    def note_success(self) -> None:
        """Note that a child ended a track: children can start."""
        self._failed_starts = 0

    def close(self) -> None:
        """Kill all, whatever they do."""
        if self._server is not None:
            self._silence(self._server)
            self._server.close()
            self._server = None
        for decoder in self.decoders:
            self._silence(decoder.link)
            self._silence(decoder.stderr)
            decoder.close()
        self.decoders.clear()
        self._unborn.clear()

    def _ask_for_one(self, server: ForkServer, now: float) -> None:
        decoder = Decoder(self._household.setup, limits=self._household.limits, now=now)
        # A server that has just died refuses; its end is read next, and buries this child too.
        with suppress(OSError):
            server.fork(decoder.descriptors)
        decoder.requested()
        self.decoders.add(decoder)
        self._unborn.append(decoder)
        self._selector.register(decoder.link, selectors.EVENT_READ, partial(self._message, decoder))
        self._selector.register(decoder.stderr, selectors.EVENT_READ, partial(self._listen, decoder))

    # One round of the selector may name a child that an earlier callback of the same round has buried.

    def _message(self, decoder: Decoder) -> None:
        if decoder in self.decoders:
            self._on_message(decoder)

    def _listen(self, decoder: Decoder) -> None:
        if decoder in self.decoders and not decoder.stderr.drain():
            self._silence(decoder.stderr)

    def _read_reports(self) -> None:
        if self._server is None:
            return
        try:
            reports = self._server.reports()
        except EOFError:
            self._lose_server(self._server)
            return
        for report in reports:
            if report.exit_status is None:
                self._unborn.popleft().pid = report.pid
            else:
                for dead in [decoder for decoder in self.decoders if decoder.pid == report.pid]:
                    self._bury(dead, report.exit_status)

    def _bury(self, decoder: Decoder, exit_status: int) -> None:
        idle = decoder.task is None and decoder.verdict is None
        error = self._remove(decoder, exit_status)
        if idle and self._clock() - decoder.born < _STEADY_SECONDS:
            self._note_failed_start(error)

    def _lose_server(self, server: ForkServer) -> None:
        self._silence(server)
        server.close()
        self._server = None
        self._unborn.clear()
        for decoder in list(self.decoders):
            self._remove(decoder, None)
        self._note_failed_start(DecodersUnavailableError("the server that forks them died"))

    def _remove(self, decoder: Decoder, exit_status: int | None) -> Exception:
        error = decoder.epitaph(exit_status)
        self._on_death(decoder, error)
        error = decoder.start_error or error  # which its last message may just have brought
        self._silence(decoder.link)
        self._silence(decoder.stderr)
        decoder.close()
        self.decoders.discard(decoder)
        return error

    def _note_failed_start(self, error: Exception) -> None:
        self._failed_starts += 1
        self._not_before = self._clock() + _BACKOFF_SECONDS * 2**self._failed_starts
        if disposition(error) is Disposition.FATAL and not isinstance(error, DecodersUnavailableError):
            raise error
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise DecodersUnavailableError(
                f"decoding children do not start: {reason(error)}: {error}"
            ) from error

    def _silence(self, source: ParentEnd | StandardError | ForkServer) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(source)
