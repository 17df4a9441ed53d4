"""Turns an attempt that may be interrupted into one that is repeated, with jitter, until a deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from consumer.errors import FetchTimeoutError, FetchUnavailableError

Cause = Literal["timeout", "throttled", "server_error", "connection", "replaced"]
"""Why an attempt ended early; the fixed set of words that `on_retry` receives."""

FIRST_BACKOFF_SECONDS: Final = 0.2  # a connection that was cut mostly works again at once
MAX_BACKOFF_SECONDS: Final = 8.0  # longer waits belong to the retry topics, which hold no decoding child


class FetchInterruptedError(FetchUnavailableError):
    """One attempt failed in a way that passes; never leaves this package.

    Parameters
    ----------
    message : str
        One line for people, should no attempt be left.
    cause : Cause
        The kind of trouble.
    retry_after_seconds : float
        Shortest wait that the server asked for.
    """

    def __init__(self, message: str, *, cause: Cause, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.cause: Cause = cause
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how long and by which clock; `deadline` is a reading of `clock`, in seconds."""

    attempts: int
    deadline: float
    clock: Callable[[], float]
    rng: random.Random
    on_retry: Callable[[str], None]


async def repeat(attempt: Callable[[], Awaitable[None]], *, policy: RetryPolicy, shown_uri: str) -> None:
    """Run `attempt` until it succeeds; waits grow with full jitter, and last as long as a server asks.

    Raises
    ------
    FetchTimeoutError
        The deadline passed, or the last attempt stalled.
    FetchUnavailableError
        The attempts are used up, or the next would begin after the deadline.
    """

    def wait(state: RetryCallState) -> float:
        ceiling = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (state.attempt_number - 1))
        return max(policy.rng.uniform(0, ceiling), _interruption(state).retry_after_seconds)

    def stop(state: RetryCallState) -> bool:
        wake = policy.clock() + state.upcoming_sleep
        return state.attempt_number >= policy.attempts or wake >= policy.deadline

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(FetchInterruptedError),
        wait=wait,
        stop=stop,
        before_sleep=lambda state: policy.on_retry(_interruption(state).cause),
        sleep=asyncio.sleep,
        reraise=True,
    )
    remaining_seconds = policy.deadline - policy.clock()
    try:
        # One limit around all: a server that sends a byte now and then passes every time-out of a read.
        async with asyncio.timeout(remaining_seconds):
            await retrying(attempt)
    except TimeoutError as exc:
        raise FetchTimeoutError(
            f"audio is late: uri={shown_uri}, limit_seconds={max(0.0, remaining_seconds):.1f}; "
            "raise fetch.timeout_seconds if its store is always slow"
        ) from exc
    except FetchInterruptedError as exc:
        public = FetchTimeoutError if exc.cause == "timeout" else FetchUnavailableError
        raise public(f"{exc}, attempts={retrying.statistics['attempt_number']}") from exc


def _interruption(state: RetryCallState) -> FetchInterruptedError:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, FetchInterruptedError):
        raise TypeError(f"retried something else than an interruption: {error!r}")
    return error
