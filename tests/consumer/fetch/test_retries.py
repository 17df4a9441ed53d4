"""Checks how an attempt is repeated: how often, how long, and what is said in the end."""

from __future__ import annotations

import asyncio
import pickle
import random
import time

import pytest

from consumer.errors import FetchDeniedError, FetchTimeoutError, FetchUnavailableError
from consumer.fetch.retries import Cause, FetchInterruptedError, RetryPolicy, repeat


class Attempt:
    """Fails as told, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


def interrupted(cause: Cause = "server_error", retry_after_seconds: float = 0.0) -> FetchInterruptedError:
    return FetchInterruptedError("server fails", cause=cause, retry_after_seconds=retry_after_seconds)


def run(attempt: Attempt, *, attempts: int = 3, seconds: float = 5.0) -> list[str]:
    causes: list[str] = []
    policy = RetryPolicy(attempts, time.monotonic() + seconds, time.monotonic, NoJitter(), causes.append)
    asyncio.run(repeat(attempt, policy=policy, shown_uri="'s3://b/k'"))
    return causes


def test_success_is_not_repeated() -> None:
    attempt = Attempt()
    assert run(attempt) == []
    assert attempt.count == 1


def test_interruptions_are_repeated_and_named() -> None:
    attempt = Attempt(interrupted("throttled"), interrupted("connection"))
    assert run(attempt) == ["throttled", "connection"]
    assert attempt.count == 3


def test_errors_that_stay_are_raised_as_they_are() -> None:
    attempt = Attempt(FetchDeniedError("no"))
    with pytest.raises(FetchDeniedError):
        run(attempt)
    assert attempt.count == 1


@pytest.mark.parametrize(
    ("cause", "error"), [("timeout", FetchTimeoutError), ("connection", FetchUnavailableError)]
)
def test_last_interruption_becomes_a_public_error_that_can_cross_processes(
    cause: Cause, error: type[FetchUnavailableError]
) -> None:
    with pytest.raises(FetchUnavailableError, match="attempts=2") as caught:
        run(Attempt(interrupted(cause), interrupted(cause)), attempts=2)
    assert type(caught.value) is error
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - ours


def test_attempt_that_would_begin_after_the_deadline_is_not_waited_for() -> None:
    attempt = Attempt(interrupted(retry_after_seconds=60.0))
    begun = time.monotonic()
    with pytest.raises(FetchUnavailableError):
        run(attempt)
    assert attempt.count == 1
    assert time.monotonic() - begun < 1.0


def test_wait_that_the_server_asks_for_is_kept() -> None:
    begun = time.monotonic()
    assert run(Attempt(interrupted(retry_after_seconds=0.1))) == ["server_error"]
    assert time.monotonic() - begun >= 0.1


def test_deadline_ends_an_attempt_that_never_ends() -> None:
    class Endless(Attempt):
        async def __call__(self) -> None:
            await asyncio.Event().wait()

    with pytest.raises(FetchTimeoutError, match=r"limit_seconds=0\.1"):
        run(Endless(), seconds=0.1)
