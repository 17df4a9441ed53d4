"""Turns a seed's choices into faults at the requests of workers: lost, delayed, fatal, or deadly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from consumer.memory_broker import Moment, Request
from consumer.memory_broker.requests import timed_out

_LOSABLE: Final = frozenset(
    (
        "init_transactions",
        "produce",
        "send_offsets",
        "commit_transaction",
        "abort_transaction",
        "committed",
        "commit",
    )
)
"""Requests whose loss the client learns of by a time-out; a poll without an answer is just an empty one."""


_PAUSES_SECONDS: Final = (1.0, 8.0, 40.0)
"""Harmless; longer than a session; longer than the longest poll interval."""


class Crash(BaseException):
    """The process is gone; nothing in it may catch this."""


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of each fault, per request."""

    crash: float
    lose: float
    freeze: float
    stall: float
    fence: float
    interleave: float


QUIET: Final = Odds(crash=0.0, lose=0.0, freeze=0.0, stall=0.0, fence=0.0, interleave=0.05)


def draw_odds(rng: Random) -> Odds:
    """Give a run its own character: most faults are absent from most runs."""

    def sometimes(chance: float) -> float:
        return chance if rng.random() < 0.5 else 0.0

    return Odds(
        crash=sometimes(0.02),
        lose=sometimes(0.05),
        freeze=sometimes(0.03),
        stall=sometimes(0.03),
        fence=sometimes(0.004),
        interleave=0.15,
    )


class Stage(Protocol):
    """What chaos may do to the run."""

    def wait(self, seconds: float) -> None:
        """Let time pass for the worker in question while others go on."""

    def freeze(self, client_id: str, seconds: float) -> None:
        """Stop the worker for so long, heartbeats and all."""

    def stall(self, client_id: str, seconds: float) -> None:
        """Keep the worker from polling for so long while its heartbeats go on."""

    def fence(self, client_id: str) -> None:
        """Let a twin with the same transactional.id appear and go."""

    def interleave(self) -> None:
        """Let another worker make a turn now."""


class Chaos:
    """The broker's hook.

    Parameters
    ----------
    stage : Stage
        The run.
    rng : Random
        Draws each fault.
    odds : Odds
        How often.
    is_down : Callable[[], bool]
        Whether the broker answers nobody now.
    """

    def __init__(self, stage: Stage, *, rng: Random, odds: Odds, is_down: Callable[[], bool]) -> None:
        self.odds = odds
        self._stage = stage
        self._rng = rng
        self._is_down = is_down

    def __call__(self, request: Request) -> None:
        """Let the request pass, or do to it what the dice say."""
        losable = request.operation in _LOSABLE
        if losable and request.moment is Moment.BEFORE and self._is_down():
            self._time_out(request)
        self._disturb(request, dice=self._rng.random())
        if losable and self._rng.random() < self.odds.lose:
            if self._rng.random() < 20 * self.odds.fence:
                self._stage.fence(request.client_id)  # the same call again will not tell how it ended
            self._time_out(request)

    def pause(self, client_id: str) -> None:
        """Do something to a worker between its requests, seldom: turns are many."""
        if self._rng.random() > 0.1:
            return
        dice = self._rng.random()
        if dice < self.odds.crash:
            raise Crash(f"{client_id}: between requests")
        if dice < self.odds.crash + self.odds.freeze:
            self._stage.freeze(client_id, self._rng.choice(_PAUSES_SECONDS))
        elif dice < self.odds.crash + self.odds.freeze + self.odds.stall:
            self._stage.stall(client_id, self._rng.choice(_PAUSES_SECONDS))

    def _disturb(self, request: Request, *, dice: float) -> None:
        odds = self.odds
        if dice < odds.interleave:
            self._stage.interleave()
            return
        if request.operation == "poll" and dice < 0.9:
            return  # polls are many: most of the trouble belongs to commits
        dice = self._rng.random()
        if dice < odds.crash:
            raise Crash(f"{request.client_id}: {request.moment.value} {request.operation}")
        if dice < odds.crash + odds.freeze:
            self._stage.freeze(request.client_id, self._rng.choice(_PAUSES_SECONDS))
        elif dice < odds.crash + odds.freeze + odds.fence:
            self._stage.fence(request.client_id)

    def _time_out(self, request: Request) -> None:
        self._stage.wait(request.timeout_seconds)
        raise timed_out(request.operation)
