"""Names each request that a client makes, so that a test can put a fault before or after any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from consumer.ports import BrokerError


class Moment(Enum):
    """When a hook is called: the broker has done nothing yet, or all of it and the answer is under way."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `operation` is the port's method, `produce` the delivery of one record.

    `timeout_seconds` is how long the client would wait for the answer.
    """

    client_id: str
    operation: str
    moment: Moment
    timeout_seconds: float


Hook = Callable[[Request], None]
"""May raise what the client then sees, run anything else, or do nothing."""


def no_fault(request: Request) -> None:
    """Let every request pass."""


def timed_out(operation: str) -> BrokerError:
    """Give the error of a request without an answer: it may have been done."""
    return BrokerError(f"{operation}: timed out", code="_TIMED_OUT", retriable=True)


def fenced() -> BrokerError:
    """Give the fatal error of a producer whose epoch is over."""
    return BrokerError("the producer was fenced", code="_FENCED", fatal=True)
